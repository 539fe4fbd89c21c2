#[grid::service]
trait Passwords {
    #[handler(blocking, inline)]
    fn hash(&self, password: String) -> String;
}

struct Node;

impl Passwords for Node {
    fn hash(&self, password: String) -> String {
        password
    }
}

fn main() {
    let _ = PasswordsClient::in_process(Node).hash(String::new());
}
