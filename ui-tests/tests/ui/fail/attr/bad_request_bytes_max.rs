#[grid::service]
trait Disk {
    #[handler(request_bytes_max = 0)]
    async fn none(&self, data: Vec<u8>);
    #[handler(request_bytes_max = 1_073_741_825)]
    async fn above(&self, data: Vec<u8>);
    #[handler(request_bytes_max = -1)]
    async fn negative(&self, data: Vec<u8>);
    #[handler(request_bytes_max = "64 KiB")]
    async fn text(&self, data: Vec<u8>);
    #[handler(request_bytes_max)]
    async fn absent(&self, data: Vec<u8>);
    #[handler(request_bytes_max = 4096usize)]
    async fn suffixed(&self, data: Vec<u8>);
    #[handler(request_byte_max = 4096)]
    async fn misspelt(&self, data: Vec<u8>);
}

fn main() {}
