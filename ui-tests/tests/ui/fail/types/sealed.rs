struct Blob;

impl grid::Payload for Blob {}

struct Pair(u8, u8);

impl grid::ArgTuple for Pair {}

fn main() {}
