//! [`Target`]: a method of a node, found by its name, and what the node says about it.

use bytes::Bytes;
use grid::reflection::{MethodDescription, ReflectionClient, ServiceDescription};
use grid::{CallError, Capacities, Connection, HandlerId, MethodKind, RawCall};

use crate::failure::Failure;

/// A method that can be called.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) service: ServiceDescription,
    pub(crate) method: MethodDescription,
}

impl Target {
    /// Finds `Service/method`, or `subroute:Service/method` of an instance below a subroute.
    pub(crate) async fn find(connection: &Connection, name: &str) -> Result<Self, Failure> {
        let (subroute, path) = match name.rsplit_once(':') {
            Some((subroute, path)) => (Some(subroute), path),
            None => (None, name),
        };
        let Some((service, method)) = path.split_once('/') else {
            return Err(Failure::Usage(format!(
                "`{name}` is not the name of a method: write Service/method, as `grid ls` lists them"
            )));
        };
        let services = describe(connection, service).await?;
        let found = services.iter().find(|known| known.subroute.as_deref() == subroute);
        let Some(found) = found.cloned() else {
            return Err(unknown_instance(subroute, service, &services));
        };
        let names: Vec<_> = found.methods.iter().map(|method| &*method.name).collect();
        let Some(method) = found.method(method).cloned() else {
            let like = nearest(method, &names).unwrap_or_default();
            return Err(Failure::Unknown(format!(
                "{service} has no method `{method}`{like}; it has {}",
                names.join(", ")
            )));
        };
        Ok(Self { service: found, method })
    }

    /// The same, of a method that is not a stream.
    pub(crate) async fn find_single(connection: &Connection, name: &str) -> Result<Self, Failure> {
        let target = Self::find(connection, name).await?;
        if target.method.kind != MethodKind::Single {
            let name = target.name();
            return Err(Failure::Usage(format!("{name} is a stream: use `grid stream {name}`")));
        }
        Ok(target)
    }

    /// The request of the method, which is sent when it is awaited.
    pub(crate) fn request(&self, connection: &Connection, request: Option<Bytes>) -> RawCall {
        self.connection(connection).request(HandlerId::new(self.method.id), request)
    }

    /// The connection to the instance of the service.
    pub(crate) fn connection(&self, connection: &Connection) -> Connection {
        match &self.service.subroute {
            Some(subroute) => connection.subroute(subroute),
            None => connection.clone(),
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.service.name, self.method.name)
    }

    /// Why a call of it has failed. A call at the byte level knows only the number of its method: people know its name.
    pub(crate) fn failure(&self, mut error: CallError) -> Failure {
        if let CallError::DeadlineExceeded { method, .. } = &mut error {
            *method = self.name().into();
        }
        error.into()
    }

    /// The capacities of its stream.
    pub(crate) fn capacities(&self) -> Capacities {
        let MethodDescription { kind, incoming, outgoing, .. } = &self.method;
        let limit = |items: &Option<u32>| items.unwrap_or(Capacities::BYTES_ONLY);
        let (incoming, outgoing) = (limit(incoming), limit(outgoing));
        match kind {
            MethodKind::ServerStream => Capacities { incoming: 0, outgoing },
            MethodKind::ClientStream => Capacities { incoming, outgoing: 1 },
            _ => Capacities { incoming, outgoing },
        }
    }
}

/// All instances of a service, with schemas.
pub(crate) async fn describe(
    connection: &Connection,
    service: &str,
) -> Result<Vec<ServiceDescription>, Failure> {
    let client = ReflectionClient::new(connection.clone());
    let found = client.describe(service.to_owned()).await.map_err(of_reflection)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let services = list(connection).await?;
    let names: Vec<_> = services.iter().map(|service| &*service.name).collect();
    let like = nearest(service, &names).unwrap_or_default();
    let peer = connection.peer();
    Err(Failure::Unknown(format!(
        "{peer} has no service `{service}`{like}; `grid ls` lists what it has"
    )))
}

/// All services of the node, without schemas.
pub(crate) async fn list(connection: &Connection) -> Result<Vec<ServiceDescription>, Failure> {
    ReflectionClient::new(connection.clone()).services().await.map_err(of_reflection)
}

/// A node without the service is told apart from one that does not permit it.
fn of_reflection(error: CallError) -> Failure {
    match &error {
        CallError::Remote(remote) if remote.code == grid::ErrorCode::UnknownHandler => {
            Failure::Unknown(
                "the node does not tell what it serves: it was built with `reflection(false)`, or by an earlier version"
                    .to_owned(),
            )
        }
        _ => error.into(),
    }
}

fn unknown_instance(
    subroute: Option<&str>,
    service: &str,
    known: &[ServiceDescription],
) -> Failure {
    let known: Vec<_> = known
        .iter()
        .map(|known| match &known.subroute {
            Some(subroute) => format!("{subroute}:{service}"),
            None => service.to_owned(),
        })
        .collect();
    let wanted =
        subroute.map_or_else(|| service.to_owned(), |subroute| format!("{subroute}:{service}"));
    Failure::Unknown(format!("the node has no `{wanted}`; it has {}", known.join(", ")))
}

/// A known name that is like the wanted one, as a question.
fn nearest(wanted: &str, known: &[&str]) -> Option<String> {
    let distance =
        |name: &&&str| strsim::damerau_levenshtein(&name.to_lowercase(), &wanted.to_lowercase());
    let name = known.iter().min_by_key(distance).filter(|name| distance(name) <= 2)?;
    Some(format!(" (did you mean `{name}`?)"))
}
