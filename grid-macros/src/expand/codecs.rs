//! One hidden constant for each type that a service mentions, so that a type that cannot travel is reported once.
//!
//! Types that only methods with a `cfg` mention are not shared, because they may not exist.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned as _;

use crate::args::Krate;
use crate::model::{Method, Service, Shape};
use crate::names;
use crate::types::TypeRef;

/// What codecs there are, by the text of their types.
pub(super) struct Codecs<'a> {
    krate: &'a Krate,
    private: TokenStream,
    shared: Vec<Shared>,
}

struct Shared {
    key: String,
    name: Ident,
    codec: Codec,
}

/// A codec before it is known whether it is shared.
struct Codec {
    ty: TokenStream,
    make: TokenStream,
}

impl<'a> Codecs<'a> {
    pub(super) fn of(service: &'a Service) -> Self {
        let mut codecs =
            Self { krate: &service.krate, private: service.krate.private(), shared: Vec::new() };
        for method in service.methods().filter(|method| method.condition.is_none()) {
            for codec in codecs.all_of(method) {
                codecs.share(codec);
            }
        }
        codecs
    }

    fn share(&mut self, codec: Codec) {
        let key = codec.make.to_string();
        if self.shared.iter().all(|shared| shared.key != key) {
            let name = names::codec(self.shared.len());
            self.shared.push(Shared { key, name, codec });
        }
    }

    fn all_of(&self, method: &Method) -> Vec<Codec> {
        let mut codecs: Vec<Codec> = method
            .args()
            .map(|arg| self.codec(quote::ToTokens::to_token_stream(&arg.ty), method))
            .collect();
        let (input, output) = ends(method, &self.private);
        codecs.extend(input.into_iter().chain([output]).map(|ty| self.codec(ty, method)));
        codecs.extend(self.error_codec(&method.returns.error));
        codecs
    }

    fn codec(&self, ty: TokenStream, method: &Method) -> Codec {
        self.make(if method.options.compact { "compact" } else { "codec" }, "Codec", &ty)
    }

    fn error_codec(&self, error: &TypeRef) -> Option<Codec> {
        match error {
            TypeRef::Infallible => None,
            other => Some(self.make("error", "ErrorCodec", &other.tokens(&self.private))),
        }
    }

    /// All of it stands at the type, since a message about it is about the type.
    fn make(&self, function: &str, codec: &str, ty: &TokenStream) -> Codec {
        let span = ty.span();
        let (private, function, codec) =
            (self.krate.private_at(span), Ident::new(function, span), Ident::new(codec, span));
        Codec {
            make: quote_spanned!(span=> #private::#function::<#ty>()),
            ty: quote_spanned!(span=> #private::#codec<#ty>),
        }
    }

    /// The constants.
    pub(super) fn definitions(&self) -> TokenStream {
        let definitions = self.shared.iter().map(
            |Shared { name, codec: Codec { ty, make }, .. }| quote!(const #name: #ty = #make;),
        );
        quote!(#(#definitions)*)
    }

    fn get(&self, codec: Codec) -> TokenStream {
        let key = codec.make.to_string();
        match self.shared.iter().find(|shared| shared.key == key) {
            Some(Shared { name, .. }) => quote!(Self::#name),
            None => codec.make,
        }
    }

    /// The codec of a type of this method.
    pub(super) fn of_type(&self, ty: TokenStream, method: &Method) -> TokenStream {
        self.get(self.codec(ty, method))
    }

    /// The codec of the method's error.
    pub(super) fn of_error(&self, method: &Method) -> TokenStream {
        match self.error_codec(&method.returns.error) {
            Some(codec) => self.get(codec),
            None => {
                let private = &self.private;
                quote!(#private::infallible())
            }
        }
    }
}

/// What the caller sends after the arguments, and what the handler sends.
pub(super) fn ends(method: &Method, private: &TokenStream) -> (Option<TokenStream>, TokenStream) {
    match method.shape() {
        Shape::Single { output } => (None, output.tokens(private)),
        Shape::ServerStream { item } => (None, item.tokens(private)),
        Shape::ClientStream { input, output } => (Some(quote!(#input)), output.tokens(private)),
        Shape::TwoWay { input, item } => (Some(quote!(#input)), item.tokens(private)),
    }
}
