#[grid::service]
trait Sync {
    #[handler(incoming = 16, outgoing = 4)]
    async fn sync(&self, init: Init, input: Incoming<Op>, out: Outgoing<Ack>) -> Result<(), DiskError>;
    async fn map(&self, input: Incoming<Op>) -> Result<impl Stream<Item = Ack>, DiskError>;
}
