#[grid::service]
trait Passwords {
    #[handler(blocking)]
    async fn hash(&self, password: String) -> String;
    #[handler(blocking)]
    fn check(&self, password: String) -> impl Future<Output = bool> + Send;
}

fn main() {}
