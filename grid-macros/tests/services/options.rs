#[grid::service(name = "Disc", crate = ::some::path)]
pub trait Disk {
    #[handler(id = 9, timeout = "500ms", compact, inline)]
    async fn stat(&self, volume: String, #[default] depth: u32) -> Result<VolumeInfo, Infallible>;
    #[handler(name = "old_name")]
    fn by_hand(&self, #[default] depth: u32) -> impl Future<Output = u32> + Send;
}
