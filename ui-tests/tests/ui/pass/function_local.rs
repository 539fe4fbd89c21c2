//! A service inside a function, with types local to it; a module with the name of a service.
#![deny(warnings)]

mod disk {
    #[grid::service]
    pub trait Disk {
        async fn get(&self) -> u8;
    }
}

mod lock {}

#[grid::service]
trait Lock {
    async fn get(&self) -> u8;
}

#[grid::service]
trait Disk {
    async fn get(&self) -> u8;
}

struct Node;

impl Lock for Node {
    async fn get(&self) -> u8 {
        1
    }
}

impl Disk for Node {
    async fn get(&self) -> u8 {
        2
    }
}

impl disk::Disk for Node {
    async fn get(&self) -> u8 {
        3
    }
}

#[tokio::main]
async fn main() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Local(u8);

    #[grid::service]
    trait Here {
        async fn get(&self, local: Local) -> Local;
    }

    impl Here for Node {
        async fn get(&self, local: Local) -> Local {
            local
        }
    }

    mod nested {
        #[grid::service]
        pub(super) trait Nested {
            async fn get(&self) -> u8;
        }
    }

    impl nested::Nested for Node {
        async fn get(&self) -> u8 {
            5
        }
    }

    assert_eq!(HereClient::in_process(Node).get(Local(4)).await.unwrap().0, 4);
    assert_eq!(LockClient::in_process(Node).get().await.unwrap(), 1);
    assert_eq!(DiskClient::in_process(Node).get().await.unwrap(), 2);
    assert_eq!(disk::DiskClient::in_process(Node).get().await.unwrap(), 3);
    assert_eq!(nested::NestedClient::in_process(Node).get().await.unwrap(), 5);
}
