#[grid::service]
trait Passwords {
    #[handler(blocking)]
    fn hash(&self, password: String) -> String;
}

struct Node;

impl Passwords for Node {
    async fn hash(&self, password: String) -> String {
        password
    }
}

fn main() {}
