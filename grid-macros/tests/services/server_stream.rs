#[grid::service]
pub(crate) trait Files {
    #[handler(outgoing = 16)]
    async fn walk(&self, cx: &Context, request: WalkRequest, out: Outgoing<Entry>) -> Result<(), DiskError>;
    async fn count(&self, out: Outgoing<u64>);
    async fn tail(&self, from: u64) -> Result<impl Stream<Item = Result<Event, DiskError>> + Send, DiskError>;
    async fn names(&self) -> impl Stream<Item = String>;
    async fn boxed(&self) -> crate::Result<BoxStream<u8>>;
    async fn opaque(&self) -> crate::Result<impl Stream<Item = u8>>;
}
