//! The contenders, one file each, and the macro that maps a name to a type.

mod certificate;
mod contender;
pub(crate) mod grid;
pub(crate) mod jsonrpsee;
pub(crate) mod mux;
pub(crate) mod pingpong;
pub(crate) mod remoc;
pub(crate) mod tarpc;
pub(crate) mod tonic;

pub(crate) use self::contender::{Client, Contender, Listener, listen};

/// Calls `C::serve($arguments)` or `measure::<C>($arguments)`, with the contender of a name as `C`.
macro_rules! contend {
    ($name:expr, serve($($argument:expr),*)) => {
        $crate::peers::contend!(@ $name, |C| {
            let served = <C as $crate::peers::Contender>::serve($($argument),*);
            Box::pin(served) as futures_util::future::LocalBoxFuture<'_, $crate::error::Result<()>>
        })
    };
    ($name:expr, measure($($argument:expr),*)) => {
        $crate::peers::contend!(@ $name, |C| measure::<C>($($argument),*))
    };
    (@ $name:expr, |$c:ident| $body:expr) => {
        match $name {
            $crate::cell::Name::Grid => { type $c = $crate::peers::grid::Typed; $body }
            $crate::cell::Name::GridBytes => { type $c = $crate::peers::grid::ByteLevel; $body }
            $crate::cell::Name::GridTls => { type $c = $crate::peers::grid::OverTls; $body }
            $crate::cell::Name::GridObserved => { type $c = $crate::peers::grid::Observed; $body }
            $crate::cell::Name::GridBare => { type $c = $crate::peers::grid::Bare; $body }
            $crate::cell::Name::GridAdmin => { type $c = $crate::peers::grid::Administered; $body }
            $crate::cell::Name::GridWatched => { type $c = $crate::peers::grid::Watched; $body }
            // A group is a caller of many nodes, see measure/nodes.rs.
            $crate::cell::Name::GridGroup => { type $c = $crate::peers::grid::Typed; $body }
            $crate::cell::Name::Tarpc => { type $c = $crate::peers::tarpc::Tarpc; $body }
            $crate::cell::Name::Tonic => { type $c = $crate::peers::tonic::Tonic; $body }
            $crate::cell::Name::TonicTls => { type $c = $crate::peers::tonic::OverTls; $body }
            $crate::cell::Name::TonicAdaptive => { type $c = $crate::peers::tonic::Adaptive; $body }
            $crate::cell::Name::Jsonrpsee => { type $c = $crate::peers::jsonrpsee::Jsonrpsee; $body }
            $crate::cell::Name::Remoc => { type $c = $crate::peers::remoc::Remoc; $body }
            $crate::cell::Name::Mux => { type $c = $crate::peers::mux::Mux; $body }
            $crate::cell::Name::Pingpong => { type $c = $crate::peers::pingpong::Pingpong; $body }
        }
    };
}
pub(crate) use contend;
