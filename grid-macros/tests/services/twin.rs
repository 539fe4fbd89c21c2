/// Key and value pairs.
#[grid::service(dyn)]
pub trait Store {
    /// The value of a key.
    async fn get(&self, key: String) -> Result<Vec<u8>, StoreError>;
    #[must_use]
    async fn put(&self, key: String, value: Vec<u8>) -> io::Result<()>;
    #[cfg(unix)]
    async fn len(&self) -> u64;
    async fn clear(&self);
    async fn watch(&self, out: Outgoing<String>);
    async fn keys(&self) -> impl Stream<Item = String>;
    async fn who(&self, cx: &Context) -> String;
    #[handler(blocking)]
    fn hash(&self, key: String) -> u64;
}
