#[grid::service(name = "Disc", crate = ::some::path)]
pub trait Disk {
    #[handler(id = 9, timeout = "500ms", request_bytes_max = 4096, compact, inline)]
    async fn stat(&self, volume: String, #[default] depth: u32) -> Result<VolumeInfo, Infallible>;
    /// A plain function.
    #[handler(blocking)]
    fn hash(&self, cx: &Context, password: String, rounds: u32) -> Result<String, HashError>;
    #[handler(blocking)]
    fn flush(&self) {
        self.write_all();
    }
    /// May run twice.
    #[handler(idempotent)]
    async fn free(&self, volume: String) -> Result<u64, HashError>;
    #[handler(name = "old_name")]
    fn by_hand(&self, #[default] depth: u32) -> impl Future<Output = u32> + Send;
}
