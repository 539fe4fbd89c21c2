#[grid::service]
trait Uploads {
    #[handler(incoming = 16)]
    async fn upload(&self, head: Head, input: Incoming<Bytes>) -> Result<Etag, DiskError>;
    async fn total(&self, input: Incoming<u64>) -> u64;
}
