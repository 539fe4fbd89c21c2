//! `cfg` applies to everything generated for its method, also inside `cfg_attr`.
#![deny(warnings)]

mod data {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub struct Always(pub u8);
}
use data::Always;

#[grid::service]
trait Os {
    async fn always(&self) -> Always;
    #[cfg(all(unix, not(unix)))]
    async fn never(&self, gone: NoSuchType) -> Result<NoSuchType, NoSuchError>;
    #[cfg(any(unix, not(unix)))]
    async fn on(&self, n: u8) -> u8;
    #[cfg(unix)]
    async fn name(&self) -> String;
    #[cfg(not(unix))]
    async fn name(&self) -> u8;
    #[cfg_attr(all(), cfg(all(unix, not(unix))))]
    async fn also_never(&self, gone: NoSuchType);
    #[cfg_attr(all(), doc = "Documented.", allow(unused_variables))]
    async fn documented(&self, unused: u8) -> u8 {
        3
    }
    #[cfg(all(unix, not(unix)))]
    #[handler(id = 9, outgoing = 4)]
    async fn never_stream(&self, out: grid::Outgoing<NoSuchType>);
    #[cfg(not(all(unix, not(unix))))]
    #[handler(id = 9)]
    async fn same_id(&self) -> u8;
}

#[grid::service]
trait Elsewhere {
    #[cfg(all(unix, not(unix)))]
    async fn never(&self) -> NoSuchType;
}

struct This;

impl Elsewhere for This {}

impl Os for This {
    async fn always(&self) -> Always {
        Always(1)
    }
    async fn on(&self, n: u8) -> u8 {
        n
    }
    #[cfg(unix)]
    async fn name(&self) -> String {
        "unix".to_owned()
    }
    #[cfg(not(unix))]
    async fn name(&self) -> u8 {
        0
    }
    async fn same_id(&self) -> u8 {
        9
    }
}

#[tokio::main]
async fn main() {
    let os = OsClient::in_process(This);
    assert_eq!(os.always().await.unwrap(), Always(1));
    assert_eq!(os.on(2).await.unwrap(), 2);
    assert_eq!(os.documented(2).await.unwrap(), 3);
    assert_eq!(os.same_id().await.unwrap(), 9);
    os.name().await.unwrap();
    drop(ElsewhereClient::in_process(This));
    let methods: Vec<_> = OsClient::DESCRIPTOR.methods().iter().map(|method| method.name()).collect();
    assert_eq!(methods, ["always", "on", "name", "documented", "same_id"]);
}
