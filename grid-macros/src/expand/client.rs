//! The client: a constant and a function for each method.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::codecs::{Codecs, ends};
use super::docs;
use crate::carried;
use crate::model::{Arg, Method, Service, Shape};
use crate::names;
use crate::types::text;

/// Lints that are about code that somebody wrote.
pub(super) fn silence() -> TokenStream {
    quote!(#[allow(dead_code, deprecated, non_snake_case, non_upper_case_globals, clippy::all, clippy::pedantic)])
}

pub(super) fn expand(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let (vis, ident) = (&service.item.vis, service.ident());
    let client = names::client(ident);
    let docs = docs::client(service);
    let carried = carried::for_client(&service.item.attrs);
    let silence = silence();
    let codecs = Codecs::of(service);
    let definitions = codecs.definitions();
    let constants = service.methods().map(|method| constant(service, method, &codecs));
    let descriptor = descriptor(service);
    let calls = service.methods().map(|method| call(service, method));
    let in_process = service.servable.then(|| in_process(service));
    quote! {
        #docs
        #(#carried)*
        #[allow(dead_code, non_camel_case_types)]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #vis struct #client {
            connection: #private::Connection,
        }

        #silence
        impl #client {
            #definitions
            #(#constants)*
            #descriptor

            /// Makes a client that calls over this connection.
            #[must_use]
            #vis fn new(connection: #private::Connection) -> Self {
                Self { connection }
            }

            /// The same client for the service under this subroute.
            #[must_use]
            #vis fn subroute(&self, path: &#private::str) -> Self {
                Self { connection: self.connection.subroute(path) }
            }

            #in_process
            #(#calls)*
        }
    }
}

fn in_process(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let (vis, ident) = (&service.item.vis, service.ident());
    let server = names::server(ident);
    quote! {
        /// Makes a client of a service in this process, without a link: for tests.
        #[must_use]
        #vis fn in_process(service: impl #ident) -> Self {
            Self::new(#private::in_process(#server::new(service)))
        }
    }
}

/// The typed constant of a method.
fn constant(service: &Service, method: &Method, codecs: &Codecs<'_>) -> TokenStream {
    let private = service.krate.private();
    let vis = &service.item.vis;
    let cfgs = method.cfgs();
    let docs = docs::constant(service, method);
    let name = names::constant(&method.ident);
    let arg_types = method.args().map(|arg| &arg.ty);
    let (input, output) = ends(method, &private);
    let error = method.returns.error.tokens(&private);
    let method_type = method_type(&method.shape());
    let info = info(service, method);
    let specs = specs(service, method, codecs);
    let input_codec = input.iter().map(|ty| codecs.of_type(ty.clone(), method));
    let output_codec = codecs.of_type(output.clone(), method);
    let error_codec = codecs.of_error(method);
    let input = input.iter();
    quote! {
        #(#cfgs)*
        #docs
        #vis const #name: &'static #private::#method_type<(#(#arg_types,)*), #(#input,)* #output, #error> =
            &#private::#method_type::__new(#info, #specs, #(#input_codec,)* #output_codec, #error_codec);
    }
}

fn method_type(shape: &Shape<'_>) -> TokenStream {
    match shape {
        Shape::Single { .. } => quote!(Method),
        Shape::ServerStream { .. } => quote!(ServerStreamMethod),
        Shape::ClientStream { .. } => quote!(ClientStreamMethod),
        Shape::TwoWay { .. } => quote!(TwoWayMethod),
    }
}

/// The argument's specs: one is the whole payload, several are a map.
fn specs(service: &Service, method: &Method, codecs: &Codecs<'_>) -> TokenStream {
    let function = if method.args().count() == 1 { "whole" } else { "arg" };
    let specs = method.args().map(|arg| {
        let name = syn::ext::IdentExt::unraw(&arg.ident).to_string();
        let ty = &arg.ty;
        let private = service.krate.private_at(ty.span());
        let function = syn::Ident::new(function, ty.span());
        let codec = codecs.of_type(quote!(#ty), method);
        let spec = quote!(#private::#function(#name, #codec));
        if arg.default {
            quote_spanned!(arg.ident.span()=> #private::or_default::<#ty>(#spec))
        } else {
            spec
        }
    });
    quote!((#(#specs,)*))
}

/// What is known of the method without its types; defaults are left out.
fn info(service: &Service, method: &Method) -> TokenStream {
    let private = service.krate.private();
    let krate = service.krate.path();
    let (service_name, name) = (&service.name, &method.name);
    let id = match method.options.id {
        Some(pinned) => Literal::u32_unsuffixed(pinned),
        None => derived(method.id),
    };
    let mut info = quote!(#private::MethodInfo::__new(#service_name, #name, #id));
    let docs = carried::doc_text(&method.attrs);
    if !docs.is_empty() {
        info.extend(quote!(.__docs(#docs)));
    }
    let arguments = method.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(input) => Some(input),
        syn::FnArg::Receiver(_) => None,
    });
    let arguments =
        arguments.filter(|input| !matches!(&*input.ty, syn::Type::Reference(_))).map(|input| {
            let (name, ty) = (argument_name(&input.pat), text(&input.ty));
            quote!((#name, #ty))
        });
    let arguments: Vec<TokenStream> = arguments.collect();
    if !arguments.is_empty() {
        info.extend(quote!(.__arguments(&[#(#arguments),*])));
    }
    let returns = text(&method.returns.written);
    if returns != "()" {
        info.extend(quote!(.__returns(#returns)));
    }
    let capacity = |option: &Option<(syn::Ident, u32)>| match option {
        Some((_, capacity)) => quote!(#capacity),
        None => quote!(#krate::DEFAULT_CAPACITY),
    };
    let (incoming, outgoing) =
        (capacity(&method.options.incoming), capacity(&method.options.outgoing));
    info.extend(match method.shape() {
        Shape::Single { .. } => TokenStream::new(),
        Shape::ServerStream { .. } => quote!(.__outgoing(#outgoing)),
        // The one answer is a message too.
        Shape::ClientStream { .. } => quote!(.__incoming(#incoming).__outgoing(1)),
        Shape::TwoWay { .. } => quote!(.__incoming(#incoming).__outgoing(#outgoing)),
    });
    if let Some(timeout) = method.options.timeout_ms {
        info.extend(quote!(.__timeout_ms(#timeout)));
    }
    if method.options.inline {
        info.extend(quote!(.__inline()));
    }
    info
}

/// A derived id as in docs and logs.
fn derived(id: u32) -> Literal {
    format!("{id:#010x}").parse().expect("it is a number")
}

fn argument_name(pat: &syn::Pat) -> String {
    match pat {
        syn::Pat::Ident(name) => syn::ext::IdentExt::unraw(&name.ident).to_string(),
        other => text(other),
    }
}

fn descriptor(service: &Service) -> TokenStream {
    let private = service.krate.private();
    let vis = &service.item.vis;
    let name = &service.name;
    let constant = names::descriptor();
    let docs = carried::doc_text(&service.item.attrs);
    let methods = service.methods().map(|method| {
        let (cfgs, name) = (method.cfgs(), names::constant(&method.ident));
        quote!(#(#cfgs)* Self::#name.info())
    });
    quote! {
        /// Name, documentation and methods of the service.
        #vis const #constant: &'static #private::ServiceDescriptor =
            &#private::ServiceDescriptor::__new(#name, #docs, &[#(#methods),*]);
    }
}

/// The function that calls the method.
fn call(service: &Service, method: &Method) -> TokenStream {
    let private = service.krate.private();
    let vis = &service.item.vis;
    let user_docs = carried::docs(&method.attrs);
    let docs = docs::call(service, method, !user_docs.is_empty());
    let carried = carried::for_client(&method.attrs);
    let (ident, constant) = (&method.ident, names::constant(&method.ident));
    let args: Vec<&Arg> = method.args().collect();
    let (names, types): (Vec<_>, Vec<_>) = args.iter().map(|arg| (&arg.ident, &arg.ty)).unzip();
    let (input, output) = ends(method, &private);
    let error = method.returns.error.tokens(&private);
    let (action, returns) = match method.shape() {
        Shape::Single { .. } => (quote!(call), quote!(#private::Call<#output, #error>)),
        Shape::ServerStream { .. } => {
            (quote!(open), quote!(#private::Opening<#private::Responses<#output, #error>, #error>))
        }
        Shape::ClientStream { .. } => (
            quote!(open),
            quote!(#private::Opening<(#private::Requests<#input>, #private::Reply<#output, #error>), #error>),
        ),
        Shape::TwoWay { .. } => (
            quote!(open),
            quote!(#private::Opening<(#private::Requests<#input>, #private::Responses<#output, #error>), #error>),
        ),
    };
    quote! {
        #(#user_docs)*
        #docs
        #(#carried)*
        #vis fn #ident(&self, #(#names: #types),*) -> #returns {
            Self::#constant.#action(&self.connection, (#(#names,)*))
        }
    }
}
