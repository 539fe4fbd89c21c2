/// One node's disks.
#[grid::service]
pub trait Disk {
    /// Single request.
    async fn stat(&self, cx: &Context, volume: String) -> Result<VolumeInfo, DiskError>;
    async fn uptime(&self) -> Duration;
    async fn rename(&self, from: String, to: String) -> io::Result<VolumeInfo>;
    async fn touch(&self, volume: String) -> Result<(), DiskError> {
        let _ = self.stat(volume).await?;
        Ok(())
    }
}
