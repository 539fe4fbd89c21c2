//! The name of the method that is called, for errors.

use std::fmt;

use crate::descriptor::MethodInfo;
use crate::proto::wire::HandlerId;

/// A method as its caller knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MethodName {
    Typed {
        service: &'static str,
        name: &'static str,
    },
    /// At the byte level.
    Id(HandlerId),
}

/// The name of a method, such as `Files/stat`, as service and method. At the byte level, the service is empty.
pub(in crate::net) fn split(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

impl From<&MethodInfo> for MethodName {
    fn from(info: &MethodInfo) -> Self {
        Self::Typed { service: info.service(), name: info.name() }
    }
}

/// As the callee names it: `Service/method`, or `handler 78`.
impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed { service, name } => write!(f, "{service}/{name}"),
            Self::Id(id) => write!(f, "handler {id}"),
        }
    }
}
