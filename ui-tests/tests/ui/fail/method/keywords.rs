#[grid::service]
trait Disk {
    unsafe fn a(&self) -> u8;
    const fn b(&self) -> u8;
    extern "C" fn c(&self) -> u8;
    async unsafe fn d(&self) -> u8;
}

fn main() {}
