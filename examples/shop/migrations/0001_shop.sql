-- The shop's tables. `wrangler d1 migrations apply` brings them to D1; natively the shop applies them when it opens its
-- file. Files from before it counted them have these tables, which is why each statement may run again.

CREATE TABLE IF NOT EXISTS products (
    sku TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents > 0),
    stock INTEGER NOT NULL CHECK (stock >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    -- The same idempotency key places one order.
    key TEXT NOT NULL UNIQUE,
    -- `reserving` is seen by the statements of a reservation alone, which are one transaction.
    status TEXT NOT NULL CHECK (status IN ('placed', 'reserving', 'reserved', 'out_of_stock', 'shipped')),
    total_cents INTEGER NOT NULL CHECK (total_cents > 0),
    placed_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS order_lines (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL,
    sku TEXT NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS reports (
    day INTEGER PRIMARY KEY,
    orders INTEGER NOT NULL,
    out_of_stock INTEGER NOT NULL,
    total_cents INTEGER NOT NULL
) STRICT;
