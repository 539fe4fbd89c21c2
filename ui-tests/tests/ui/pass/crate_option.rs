//! The option `crate`: the runtime under other paths.
#![deny(warnings)]

extern crate grid as renamed;

mod inner {
    pub use ::grid as reexported;
}

#[renamed::service(crate = ::renamed)]
trait First {
    async fn get(&self) -> u8;
}

#[inner::reexported::service(crate = crate::inner::reexported, name = "Other")]
trait Second {
    #[handler(name = "fetch")]
    async fn get(&self, out: inner::reexported::Outgoing<u8>);
}

macro_rules! make {
    ($Name:ident, $method:ident, $ty:ty) => {
        #[grid::service(crate = $crate::inner::reexported)]
        trait $Name {
            async fn $method(&self, value: $ty) -> Result<$ty, grid::RemoteError>;
        }
    };
}

make!(Third, get, Vec<u8>);

struct Both;

impl First for Both {
    async fn get(&self) -> u8 {
        1
    }
}

impl Third for Both {
    async fn get(&self, value: Vec<u8>) -> Result<Vec<u8>, grid::RemoteError> {
        Ok(value)
    }
}

#[tokio::main]
async fn main() {
    assert_eq!(FirstClient::in_process(Both).get().await.unwrap(), 1);
    assert_eq!(ThirdClient::in_process(Both).get(vec![1]).await.unwrap(), [1]);
    assert_eq!(SecondClient::GET.info().service(), "Other");
    assert_eq!(SecondClient::GET.info().name(), "fetch");
    assert_eq!(SecondClient::DESCRIPTOR.name(), "Other");
}
