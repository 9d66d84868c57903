#[pikku::function]
pub fn place_order(order: NewOrder, coupon: Coupon) {}
