//! Services and methods in one line.

use grid::MethodKind;
use grid::reflection::{MethodDescription, ServiceDescription};

/// The name of an instance of a service.
pub(crate) fn full_name(service: &ServiceDescription) -> String {
    match &service.subroute {
        Some(subroute) => format!("{subroute}:{}", service.name),
        None => service.name.clone(),
    }
}

/// A method in one line.
pub(crate) fn outline(method: &MethodDescription) -> String {
    let summary = method.docs.lines().next().unwrap_or_default();
    let kind = kind(method.kind);
    let signature = &method.signature;
    let text = if kind.is_empty() { signature.clone() } else { format!("{signature}  [{kind}]") };
    if summary.is_empty() { text } else { format!("{text}  {summary}") }
}

/// The shape of a method in words; none for a single request.
pub(crate) fn kind(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::ServerStream => "stream of answers",
        MethodKind::ClientStream => "stream of input",
        MethodKind::TwoWay => "two-way stream",
        _ => "",
    }
}
