//! The client's constants: one typed descriptor per method, and the descriptor of the service.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{FnArg, Ident, Pat, Type};

use super::codecs::{Codecs, ends, kind};
use super::docs;
use crate::carried;
use crate::model::{Method, Service, Shape};
use crate::names;
use crate::types::{TypeRef, text};

pub(super) fn expand(service: &Service) -> TokenStream {
    let client = names::client(service.ident());
    let codecs = Codecs::of(service);
    let definitions = codecs.definitions();
    let constants = service.methods().map(|method| constant(service, method, &codecs));
    let descriptor = descriptor(service);
    quote! {
        impl #client {
            #definitions
            #(#constants)*
            #descriptor
        }
    }
}

/// The typed constant of a method.
fn constant(service: &Service, method: &Method, codecs: &Codecs) -> TokenStream {
    let runtime = names::runtime();
    let vis = &service.item.vis;
    let cfgs = method.cfgs();
    let docs = docs::constant(service, method);
    let name = names::constant(&method.ident);
    let arg_types = method.args().map(|arg| &arg.ty);
    let (input, output) = ends(method, &runtime);
    let error = method.returns.error.tokens(&runtime);
    let (method_type, make) = method_type(&method.shape());
    let info = info(service, method);
    let specs = specs(method, codecs);
    let input_codec = input.iter().map(|ty| codecs.of_type(ty.clone(), method));
    let output_codec = codecs.of_type(output.clone(), method);
    let error_codec = codecs.of_error(method);
    let input = input.iter();
    let kind = kind(method, &runtime);
    quote! {
        #(#cfgs)*
        #docs
        #vis const #name: &'static #runtime::#method_type<(#(#arg_types,)*), #(#input,)* #output, #error #kind> =
            &#runtime::#make(#info, #specs, #(#input_codec,)* #output_codec, #error_codec);
    }
}

/// The type of the constant, and the function that makes it.
fn method_type(shape: &Shape<'_>) -> (TokenStream, TokenStream) {
    match shape {
        Shape::Single { .. } => (quote!(Method), quote!(single)),
        Shape::ServerStream { .. } => (quote!(ServerStreamMethod), quote!(server_stream)),
        Shape::ClientStream { .. } => (quote!(ClientStreamMethod), quote!(client_stream)),
        Shape::TwoWay { .. } => (quote!(TwoWayMethod), quote!(two_way)),
    }
}

/// The specs of the arguments: a single one is the whole payload, several are a map.
fn specs(method: &Method, codecs: &Codecs) -> TokenStream {
    let function = if method.args().count() == 1 { "whole" } else { "arg" };
    let specs = method.args().map(|arg| {
        let name = arg.ident.unraw().to_string();
        let ty = &arg.ty;
        let runtime = names::runtime_at(ty.span());
        let function = Ident::new(function, ty.span());
        let codec = codecs.of_type(quote!(#ty), method);
        let spec = quote!(#runtime::#function(#name, #codec));
        if arg.default {
            quote_spanned!(arg.ident.span()=> #runtime::or_default::<#ty>(#spec))
        } else {
            spec
        }
    });
    quote!((#(#specs,)*))
}

/// The untyped descriptor of the method. Defaults are omitted.
fn info(service: &Service, method: &Method) -> TokenStream {
    let runtime = names::runtime();
    let (service_name, name) = (&service.name, &method.name);
    let id = match method.options.id {
        Some(pinned) => Literal::u32_unsuffixed(pinned),
        None => derived(method.id),
    };
    let mut info = quote!(#runtime::MethodInfo::__new(#service_name, #name, #id));
    let docs = carried::doc_text(&method.attrs);
    if !docs.is_empty() {
        info.extend(quote!(.__docs(#docs)));
    }
    let arguments = method.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(input) => Some(input),
        FnArg::Receiver(_) => None,
    });
    let arguments =
        arguments.filter(|input| !matches!(&*input.ty, Type::Reference(_))).map(|input| {
            let (name, ty) = (argument_name(&input.pat), text(&input.ty));
            quote!((#name, #ty))
        });
    let arguments: Vec<TokenStream> = arguments.collect();
    if !arguments.is_empty() {
        info.extend(quote!(.__arguments(&[#(#arguments),*])));
    }
    let sent = method.args().map(|arg| {
        let (name, ty) = (arg.ident.unraw().to_string(), text(&arg.ty));
        quote!((#name, #ty))
    });
    let sent: Vec<TokenStream> = sent.collect();
    if !sent.is_empty() {
        info.extend(quote!(.__sent(&[#(#sent),*])));
    }
    let defaults = method.args().filter(|arg| arg.default);
    let defaults: Vec<String> = defaults.map(|arg| arg.ident.unraw().to_string()).collect();
    if !defaults.is_empty() {
        info.extend(quote!(.__defaults(&[#(#defaults),*])));
    }
    if service.schema {
        let schemas = schemas(method);
        info.extend(quote!(.__schemas(|| #schemas)));
    }
    let returns = text(&method.returns.written);
    if returns != "()" {
        info.extend(quote!(.__returns(#returns)));
    }
    if let Some((_, capacity)) = &method.options.incoming {
        info.extend(quote!(.__incoming(#capacity)));
    }
    if let Some((_, capacity)) = &method.options.outgoing {
        info.extend(quote!(.__outgoing(#capacity)));
    }
    if let Some(timeout) = method.options.timeout_ms {
        info.extend(quote!(.__timeout_ms(#timeout)));
    }
    if let Some(max) = method.options.request_bytes_max {
        info.extend(quote!(.__request_bytes_max(#max)));
    }
    if method.options.compact {
        info.extend(quote!(.__compact()));
    }
    if method.options.inline.is_some() {
        info.extend(quote!(.__inline()));
    }
    if method.is_blocking() {
        info.extend(quote!(.__blocking()));
    }
    if method.is_idempotent() {
        info.extend(quote!(.__idempotent()));
    }
    info
}

/// The schemas of all that the method sends.
fn schemas(method: &Method) -> TokenStream {
    let runtime = names::runtime();
    let schema = |function: &str, ty: &dyn ToTokens| {
        let ty = ty.to_token_stream();
        let (runtime, function) = (names::runtime_at(ty.span()), Ident::new(function, ty.span()));
        quote_spanned!(ty.span()=> #runtime::#function::<#ty>())
    };
    let arguments = method.args().map(|arg| schema("schema_taken", &arg.ty));
    let (input, output) = ends(method, &runtime);
    let input = match input {
        Some(input) => {
            let input = schema("schema_taken", &input);
            quote!(#runtime::Option::Some(#input))
        }
        None => quote!(#runtime::Option::None),
    };
    let output = schema("schema_returned", &output);
    let error = match &method.returns.error {
        TypeRef::Infallible => quote!(#runtime::Option::None),
        error => schema("schema_of_error", &error.tokens(&runtime)),
    };
    quote!(#runtime::MethodSchemas::__new(#runtime::vec![#(#arguments),*], #input, #output, #error))
}

/// A derived id in hexadecimal, as in documentation and logs.
fn derived(id: u32) -> Literal {
    format!("{id:#010x}").parse().expect("a formatted number is a literal")
}

fn argument_name(pat: &Pat) -> String {
    match pat {
        Pat::Ident(name) => name.ident.unraw().to_string(),
        other => text(other),
    }
}

fn descriptor(service: &Service) -> TokenStream {
    let runtime = names::runtime();
    let vis = &service.item.vis;
    let name = &service.name;
    let constant = names::descriptor();
    let docs = carried::doc_text(&service.item.attrs);
    let methods = service.methods().map(|method| {
        let (cfgs, name) = (method.cfgs(), names::constant(&method.ident));
        quote!(#(#cfgs)* Self::#name.info())
    });
    quote! {
        /// Descriptor of the service: name, documentation and methods.
        #vis const #constant: &'static #runtime::ServiceDescriptor =
            &#runtime::ServiceDescriptor::__new(#name, #docs, &[#(#methods),*]);
    }
}
