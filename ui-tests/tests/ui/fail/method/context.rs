use grid::Context;

#[grid::service]
trait Disk {
    async fn late(&self, n: u8, cx: &Context) -> u8;
    async fn value(&self, cx: Context) -> u8;
    async fn twice(&self, cx: &Context, again: &Context) -> u8;
    async fn mutable(&self, cx: &mut Context) -> u8;
    async fn lifetime(&self, cx: &'static Context) -> u8;
}

fn main() {}
