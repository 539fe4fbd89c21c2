/// Old.
#[grid::service]
#[deprecated]
#[doc(alias = "thing")]
#[expect(clippy::some_lint)]
pub(in crate::disk) trait r#Type: Debug + Send {
    /// Documented.
    #[cfg(unix)]
    async fn r#match(&self, r#fn: u8) -> Plain;
    #[cfg(not(unix))]
    async fn r#match(&self, r#fn: u8) -> Other;
    #[cfg_attr(feature = "x", cfg(feature = "y"), doc = "Conditional.", must_use)]
    #[handler(id = 9)]
    async fn first(&self);
    #[cfg(windows)]
    #[handler(id = 9)]
    async fn second(&self);
    #[expect(unused_variables, reason = "a test")]
    #[tracing::instrument]
    async fn expects(&self, #[allow(unused)] mut unused: u8) -> u8 {
        1
    }
}
