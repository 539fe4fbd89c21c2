//! One hidden constant per type in the signatures of a service, so that the compiler reports a type that cannot be sent
//! once.
//!
//! Types that occur only in methods with a `cfg` get none, because they may not exist.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned as _;

use crate::model::{Method, Service, Shape};
use crate::names;
use crate::types::TypeRef;

/// The shared codecs, distinguished by the tokens of their types.
#[derive(Default)]
pub(super) struct Codecs {
    shared: Vec<Shared>,
}

struct Shared {
    key: String,
    name: Ident,
    codec: Codec,
}

/// The type of a codec, and the expression that makes it.
struct Codec {
    ty: TokenStream,
    make: TokenStream,
}

impl Codecs {
    pub(super) fn of(service: &Service) -> Self {
        let mut codecs = Self::default();
        for method in service.methods().filter(|method| method.condition.is_none()) {
            for codec in all_of(method) {
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

    /// The definitions of the constants.
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

    /// The expression for the codec of a type of this method.
    pub(super) fn of_type(&self, ty: TokenStream, method: &Method) -> TokenStream {
        self.get(codec(&ty, method))
    }

    /// The expression for the codec of the method's error.
    pub(super) fn of_error(&self, method: &Method) -> TokenStream {
        match error_codec(method) {
            Some(codec) => self.get(codec),
            None => {
                let runtime = names::runtime();
                quote!(#runtime::infallible())
            }
        }
    }
}

fn all_of(method: &Method) -> impl Iterator<Item = Codec> {
    let args = method.args().map(|arg| arg.ty.to_token_stream());
    let (input, output) = ends(method, &names::runtime());
    let types = args.chain(input).chain([output]);
    types.map(|ty| codec(&ty, method)).chain(error_codec(method))
}

fn codec(ty: &TokenStream, method: &Method) -> Codec {
    make(if method.options.compact { "compact" } else { "codec" }, "Codec", ty)
}

fn error_codec(method: &Method) -> Option<Codec> {
    match &method.returns.error {
        TypeRef::Infallible => None,
        other => Some(make("error", "ErrorCodec", &other.tokens(&names::runtime()))),
    }
}

/// Located at the type, since compiler messages about the codec are about the type.
fn make(function: &str, codec: &str, ty: &TokenStream) -> Codec {
    let span = ty.span();
    let runtime = names::runtime_at(span);
    let (function, codec) = (Ident::new(function, span), Ident::new(codec, span));
    Codec {
        make: quote_spanned!(span=> #runtime::#function::<#ty>()),
        ty: quote_spanned!(span=> #runtime::#codec<#ty>),
    }
}

/// The types that the caller sends after the arguments, and that the handler sends.
pub(super) fn ends(method: &Method, runtime: &impl ToTokens) -> (Option<TokenStream>, TokenStream) {
    match method.shape() {
        Shape::Single { output } => (None, output.tokens(runtime)),
        Shape::ServerStream { item } => (None, item.tokens(runtime)),
        Shape::ClientStream { input, output } => (Some(quote!(#input)), output.tokens(runtime)),
        Shape::TwoWay { input, item } => (Some(quote!(#input)), item.tokens(runtime)),
    }
}

/// The last argument of the types of a method that may run twice. All others have it by default.
pub(super) fn kind(method: &Method, runtime: &impl ToTokens) -> Option<TokenStream> {
    method.is_idempotent().then(|| quote!(, #runtime::Idempotent))
}
