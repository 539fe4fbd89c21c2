//! What a node states about the methods of its services, in the handshake with the extension `contracts`.
//!
//! What differs between two statements is found by `session/contracts.rs`.

use bytes::{Bytes, BytesMut};
use twox_hash::XxHash3_64;

use super::error::DecodeError;
use super::msgpack::{Reader, put_array_len, put_bool, put_str, put_uint};

/// Longest statement. A method takes 15 to 30 bytes and its name. Together with the longest names, token and features it fits into a
/// message of the handshake.
const CONTRACTS_LEN_MAX: usize = 16 << 10;

/// Elements of the arrays. Later versions may add some.
const SERVICE_LEN: u32 = 3;
const METHOD_LEN: u32 = 8;

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceContract {
    pub(crate) name: String,
    /// Of all methods.
    pub(crate) hash: u64,
    /// In the order of their names. Empty if there is no room for them.
    pub(crate) methods: Vec<MethodContract>,
}

/// What both ends of a call must know about its method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MethodContract {
    pub(crate) name: String,
    pub(crate) handler: u32,
    /// See docs/protocol.md. Not an enum: later versions may know more kinds.
    pub(crate) kind: u8,
    pub(crate) incoming: u32,
    pub(crate) outgoing: u32,
    /// None, one, or several.
    pub(crate) arguments: u8,
    pub(crate) compact: bool,
    /// In bytes; 0 if the method does not limit its requests.
    pub(crate) request_bytes_max: u32,
}

impl ServiceContract {
    pub(crate) fn new(name: String, mut methods: Vec<MethodContract>) -> Self {
        methods.sort_by(|a, b| a.name.cmp(&b.name));
        let mut encoded = BytesMut::new();
        put_methods(&mut encoded, &methods);
        Self { name, hash: XxHash3_64::oneshot(&encoded), methods }
    }

    /// The same service without its methods.
    fn without_methods(&self) -> Self {
        Self { name: self.name.clone(), hash: self.hash, methods: Vec::new() }
    }

    fn put(&self, out: &mut BytesMut) {
        put_array_len(out, SERVICE_LEN as usize);
        put_str(out, &self.name);
        put_uint(out, self.hash);
        put_methods(out, &self.methods);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let further = read_len(reader, "service in Contracts", SERVICE_LEN)?;
        let name = reader.read_str("name of a service", CONTRACTS_LEN_MAX)?.to_owned();
        let hash = reader.read_uint("hash of a service")?;
        let count = reader.read_array_len("methods of a service")?;
        let methods = (0..count).map(|_| MethodContract::read(reader)).collect::<Result<_, _>>()?;
        skip(reader, further)?;
        Ok(Self { name, hash, methods })
    }

    fn encoded_len(&self) -> usize {
        let mut out = BytesMut::new();
        self.put(&mut out);
        out.len()
    }
}

impl MethodContract {
    fn put(&self, out: &mut BytesMut) {
        put_array_len(out, METHOD_LEN as usize);
        put_str(out, &self.name);
        put_uint(out, self.handler.into());
        put_uint(out, self.kind.into());
        put_uint(out, self.incoming.into());
        put_uint(out, self.outgoing.into());
        put_uint(out, self.arguments.into());
        put_bool(out, self.compact);
        put_uint(out, self.request_bytes_max.into());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let further = read_len(reader, "method in Contracts", METHOD_LEN)?;
        let method = Self {
            name: reader.read_str("name of a method", CONTRACTS_LEN_MAX)?.to_owned(),
            handler: reader.read_u32("handler of a method")?,
            kind: reader.read_u8("kind of a method")?,
            incoming: reader.read_u32("incoming of a method")?,
            outgoing: reader.read_u32("outgoing of a method")?,
            arguments: reader.read_u8("arguments of a method")?,
            compact: reader.read_bool("compact of a method")?,
            request_bytes_max: reader.read_u32("request_bytes_max of a method")?,
        };
        skip(reader, further)?;
        Ok(method)
    }
}

/// Leaves out what does not fit into a statement: first methods, then whole services, those at the end of the list.
fn fitting(services: &[ServiceContract]) -> Vec<ServiceContract> {
    // The header of the array is at most 5 bytes long.
    let mut left = CONTRACTS_LEN_MAX - 5;
    let names = services.iter().map(ServiceContract::without_methods);
    let mut fitting: Vec<_> = names
        .take_while(|service| {
            let rest = left.checked_sub(service.encoded_len());
            left = rest.unwrap_or(left);
            rest.is_some()
        })
        .collect();
    for (stated, service) in fitting.iter_mut().zip(services) {
        if let Some(rest) = left.checked_sub(service.encoded_len() - stated.encoded_len()) {
            left = rest;
            stated.methods.clone_from(&service.methods);
        }
    }
    fitting
}

/// What a node states about all of its services, encoded. It is read only where it is used: in memory, it becomes many
/// times as long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statement(Bytes);

const FIELD: &str = "Contracts";

impl Statement {
    /// States as much about these services as there is room for.
    pub(crate) fn of(services: &[ServiceContract]) -> Self {
        if services.is_empty() { Self::default() } else { Self(encoded(&fitting(services))) }
    }

    /// The key `Contracts`, or nothing.
    pub(super) fn put(&self, out: &mut BytesMut) {
        if !self.is_empty() {
            put_str(out, FIELD);
            out.extend_from_slice(&self.0);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the value of the key from this input, of which it must be well-formed msgpack.
    pub(super) fn take(input: &Bytes, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let begin = reader.position();
        reader.skip(FIELD)?;
        Ok(Self(input.slice(begin..reader.position())))
    }

    /// Reads the statement.
    pub(crate) fn read(&self) -> Result<Vec<ServiceContract>, DecodeError> {
        let len = self.0.len();
        match len {
            0 => return Ok(Vec::new()),
            1..=CONTRACTS_LEN_MAX => {}
            _ => return Err(DecodeError::TooLong { field: FIELD, len, max: CONTRACTS_LEN_MAX }),
        }
        let mut reader = Reader::new(&self.0);
        let count = reader.read_array_len(FIELD)?;
        (0..count).map(|_| ServiceContract::read(&mut reader)).collect()
    }
}

fn encoded(services: &[ServiceContract]) -> Bytes {
    let mut out = BytesMut::new();
    put_array_len(&mut out, services.len());
    services.iter().for_each(|service| service.put(&mut out));
    out.freeze()
}

fn put_methods(out: &mut BytesMut, methods: &[MethodContract]) {
    put_array_len(out, methods.len());
    methods.iter().for_each(|method| method.put(out));
}

/// The header of an array of at least `known` elements. Returns the number of further ones.
fn read_len(reader: &mut Reader<'_>, field: &'static str, known: u32) -> Result<u32, DecodeError> {
    let len = reader.read_array_len(field)?;
    len.checked_sub(known).ok_or(DecodeError::BadLength {
        field,
        want: known as usize,
        got: len as usize,
    })
}

fn skip(reader: &mut Reader<'_>, count: u32) -> Result<(), DecodeError> {
    (0..count).try_for_each(|_| reader.skip("further element of Contracts"))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn method(name: &str, handler: u32) -> MethodContract {
        MethodContract {
            name: name.into(),
            handler,
            kind: 3,
            incoming: 4,
            outgoing: 64,
            arguments: 2,
            compact: true,
            request_bytes_max: 65_536,
        }
    }

    fn service(name: &str, methods: u32) -> ServiceContract {
        let methods = (0..methods).map(|id| method(&format!("method_{id:03}"), 0x9a95_0000 + id));
        ServiceContract::new(name.into(), methods.collect())
    }

    fn decode(input: &Bytes) -> Result<Vec<ServiceContract>, DecodeError> {
        Statement::take(input, &mut Reader::new(input))?.read()
    }

    #[test]
    fn statements_round_trip() {
        for services in [vec![], vec![service("Disk", 0)], vec![service("A", 2), service("B", 20)]]
        {
            let input = encoded(&services);
            assert_eq!(decode(&input).unwrap(), services);
            every_truncation_fails(&input, decode);
        }
    }

    #[test]
    fn golden() {
        let service = ServiceContract::new("Disk".into(), vec![method("stat", 9)]);
        let method = "98a473746174090304 40 02c3ce00010000".replace(' ', "");
        let hash = hex(&XxHash3_64::oneshot(&unhex(&format!("91{method}"))).to_be_bytes());
        assert_eq!(hex(&encoded(&[service])), format!("9193a44469736bcf{hash}91{method}"));
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_the_trait() {
        let (a, b) = (method("a", 1), method("b", 2));
        let service = |methods| ServiceContract::new("Disk".into(), methods);
        assert_eq!(service(vec![a.clone(), b.clone()]), service(vec![b, a]));
    }

    #[test]
    fn further_elements_are_skipped() {
        // Four elements in the service, nine in its method, the last of them maps.
        let input = unhex(
            "9194a44469736b0591 99a473746174090304 4002c30081a161c0 81a162c0"
                .replace(' ', "")
                .as_str(),
        );
        let services = decode(&input).unwrap();
        assert_eq!((services[0].hash, services[0].methods[0].handler), (5, 9));
        every_truncation_fails(&input, decode);
    }

    #[test]
    fn a_hundred_methods_fit_and_what_does_not_is_left_out() {
        let services = [service("Hundred", 100)];
        assert_eq!(fitting(&services), services);
        let services: Vec<_> = (0..4).map(|n| service(&format!("Service{n}"), 250)).collect();
        let stated = fitting(&services);
        let input = encoded(&stated);
        assert!(input.len() <= CONTRACTS_LEN_MAX, "{}", input.len());
        assert_eq!(decode(&input).unwrap(), stated);
        let counts: Vec<_> = stated.iter().map(|service| service.methods.len()).collect();
        assert_eq!(counts, [250, 250, 0, 0]);
        assert_eq!(stated[3].hash, services[3].hash);
        let many: Vec<_> = (0..2000).map(|n| service(&format!("Service{n:04}"), 1)).collect();
        let stated = fitting(&many);
        assert!(
            stated.len() > 600 && encoded(&stated).len() <= CONTRACTS_LEN_MAX,
            "{}",
            stated.len()
        );
    }

    #[test]
    fn longer_and_malformed_statements_are_refused() {
        let long = encoded(&[service("Disk", 1000)]);
        assert!(matches!(decode(&long), Err(DecodeError::TooLong { .. })));
        for bad in [
            "c0",                                                 // not an array
            "9190",                                               // a service without elements
            "9192a14105",                                         // a service of two elements
            "9193a1410590c0",                                     // fine, and bytes after it
            "9193a14105dd7fffffff",                               // more methods than bytes
            "ddffffffff93a1410590",                               // more services than bytes
            "9193a141059191a161",                                 // a method of one element
            "9193a14105 9198a16109030440 02c3cf0000000100000000", // a limit above 32 bits
            "9193a2c3280590",                                     // a name that is not UTF-8
        ] {
            let input = unhex(&bad.replace(' ', ""));
            let fine = bad == "9193a1410590c0";
            assert_eq!(decode(&input).is_ok(), fine, "{bad}");
        }
    }
}
