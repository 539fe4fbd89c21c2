use grid::{Context, Outgoing};

#[grid::service(dyn)]
trait Events {
    async fn watch(&self, out: Outgoing<u8>);
    async fn who(&self, cx: &Context) -> String;
}

#[grid::service(name = "Plain", dyn)]
trait Hashes {
    #[handler(blocking)]
    fn hash(&self, key: String) -> u64;
}

fn show(_: &dyn DynEvents, _: &dyn Hashes) {}

fn main() {}
