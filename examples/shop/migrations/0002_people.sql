-- Customers, whose orders they are, and carriers. Orders from before stay, and are nobody's.

CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- What Argon2id makes of the password, with its salt and what it took.
    password TEXT NOT NULL
) STRICT;

CREATE TABLE carrier_keys (
    id TEXT NOT NULL PRIMARY KEY,
    carrier TEXT NOT NULL,
    -- The SHA-256 of the secret, in base64url.
    hash TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The key of an order is unique for its customer now. SQLite says that of new tables alone, so the two are made anew.
CREATE TABLE new_orders (
    id INTEGER PRIMARY KEY,
    customer INTEGER REFERENCES customers (id),
    key TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('placed', 'reserving', 'reserved', 'out_of_stock', 'shipped')),
    total_cents INTEGER NOT NULL CHECK (total_cents > 0),
    placed_at_ms INTEGER NOT NULL,
    UNIQUE (customer, key)
) STRICT;

INSERT INTO new_orders (id, key, status, total_cents, placed_at_ms)
SELECT id, key, status, total_cents, placed_at_ms FROM orders;

CREATE TABLE new_order_lines (
    order_id INTEGER NOT NULL REFERENCES new_orders (id),
    position INTEGER NOT NULL,
    sku TEXT NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;

INSERT INTO new_order_lines SELECT order_id, position, sku, quantity FROM order_lines;

DROP TABLE order_lines;
DROP TABLE orders;
ALTER TABLE new_orders RENAME TO orders;
ALTER TABLE new_order_lines RENAME TO order_lines;
