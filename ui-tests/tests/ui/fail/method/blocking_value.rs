#[grid::service]
trait Passwords {
    #[handler(blocking = true)]
    fn hash(&self, password: String) -> String;
}

fn main() {}
