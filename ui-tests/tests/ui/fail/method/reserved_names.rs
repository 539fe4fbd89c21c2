#[grid::service]
trait Disk {
    async fn new(&self) -> u8;
    async fn of(&self) -> u8;
    async fn group(&self) -> u8;
    async fn connection(&self) -> u8;
    async fn subroute(&self) -> u8;
    async fn with_metadata(&self) -> u8;
    async fn with_retry(&self) -> u8;
    async fn in_process(&self) -> u8;
    async fn clone(&self) -> u8;
    async fn descriptor(&self) -> u8;
}

fn main() {}
