#[grid::service(local)]
pub trait Counter: Debug {
    async fn add(&self, cx: &Context, n: u64) -> Result<u64, CounterError>;
    async fn default(&self) -> u64 {
        1
    }
    async fn watch(&self, out: Outgoing<u64>);
    async fn list(&self) -> impl Stream<Item = u64>;
    async fn sum(&self, input: Incoming<u64>) -> u64;
    async fn both(&self, input: Incoming<u64>, out: Outgoing<u64>);
}
