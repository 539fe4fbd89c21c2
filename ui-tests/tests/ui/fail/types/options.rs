#[grid::service]
trait Locks {
    async fn try_lock(&self, name: String) -> Option<()>;
    async fn entry(&self, update: Vec<std::option::Option<Option<u8>>>) -> Result<u8, grid::RemoteError>;
    async fn watch(&self, out: grid::Outgoing<Option<()>>);
    async fn fine(&self, held: Option<bool>) -> Option<Vec<Option<u8>>>;
}

fn main() {}
