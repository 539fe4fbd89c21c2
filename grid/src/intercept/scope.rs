//! [`only`]: an interceptor or recorder for a part of the calls.

use super::{Finished, Intercept, Intercepted, Intercepting, Next, Record};
use crate::descriptor::{MethodInfo, ServiceDescriptor};

/// A service, or one method of it.
///
/// Made from `"Files"` or `"Files/stat"`, from a client's `DESCRIPTOR`, or from the description of a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    service: String,
    /// `None`: all.
    method: Option<String>,
}

impl Scope {
    fn has(&self, service: &str, method: &str) -> bool {
        self.service == service && self.method.as_deref().is_none_or(|own| own == method)
    }
}

impl From<&str> for Scope {
    fn from(name: &str) -> Self {
        match name.split_once('/') {
            Some((service, method)) => {
                Self { service: service.to_owned(), method: Some(method.to_owned()) }
            }
            None => Self { service: name.to_owned(), method: None },
        }
    }
}

impl From<&ServiceDescriptor> for Scope {
    fn from(service: &ServiceDescriptor) -> Self {
        Self { service: service.name().to_owned(), method: None }
    }
}

impl From<&MethodInfo> for Scope {
    fn from(method: &MethodInfo) -> Self {
        Self { service: method.service().to_owned(), method: Some(method.name().to_owned()) }
    }
}

/// Limits an interceptor or a recorder to the calls of one service or method. Other calls do not pass it.
pub fn only<I>(scope: impl Into<Scope>, interceptor: I) -> Only<I> {
    Only { scope: scope.into(), interceptor }
}

/// An interceptor or recorder for a part of the calls, from [`only`].
#[derive(Debug, Clone)]
pub struct Only<I> {
    scope: Scope,
    interceptor: I,
}

impl<R: Record> Record for Only<R> {
    fn record(&self, call: &Finished<'_>) {
        self.interceptor.record(call);
    }

    fn applies_to(&self, service: &str, method: &str) -> bool {
        self.scope.has(service, method) && self.interceptor.applies_to(service, method)
    }
}

impl<I: Intercept> Intercept for Only<I> {
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        self.interceptor.intercept(call, next)
    }

    fn wants(&self, call: &Intercepted) -> bool {
        self.interceptor.wants(call)
    }

    fn applies_to(&self, service: &str, method: &str) -> bool {
        self.scope.has(service, method) && self.interceptor.applies_to(service, method)
    }
}
