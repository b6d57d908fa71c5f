package journal

import (
	"context"
	"database/sql"
	"testing"
)

// A statement that is kept goes on to tell the truth: while what it found is still being read, when it is given up half-way, when it
// was refused, and after the tables were changed by another connection.
func TestKeptStatements(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	for i := range 3 {
		tell(t, j, i)
	}
	const texts = `SELECT text FROM events WHERE id >= ? ORDER BY id`
	db := j.db.read
	db.SetMaxOpenConns(1) // each must come to the one that keeps it
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	told := func(q querier, from int64) (n int) {
		t.Helper()
		if err := each(t.Context(), q, texts, func(*sql.Rows) error { n++; return nil }, from); err != nil {
			t.Error(err)
		}
		return n
	}
	for range 3 {
		within := 0
		err := each(t.Context(), tx, texts, func(*sql.Rows) error { within += told(tx, 0); return nil }, 0)
		if all := told(tx, 0); err != nil || all < 3 || within != all*all {
			t.Errorf("%d within each of %d: %v", within, all, err)
		}
	}
	half := each(t.Context(), tx, texts, func(*sql.Rows) error { return context.Canceled }, 0)
	if all := told(tx, 0); half == nil || all != 3 || told(tx, 1<<40) != 0 {
		t.Errorf("%d after it was given up (%v)", all, half)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := each(gone, db, texts, func(*sql.Rows) error { return nil }, 0); err == nil {
		t.Error("it was carried out for a context that had ended")
	}
	for _, change := range []string{`ALTER TABLE events RENAME TO elsewhere`, `ALTER TABLE elsewhere RENAME TO events`} {
		if _, err := j.db.write.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		if err := each(t.Context(), db, texts, func(*sql.Rows) error { return nil }, 0); (err != nil) != (change[12:18] == "events") {
			t.Errorf("after %s: %v", change, err)
		}
	}
	if n := told(db, 0); n != 3 {
		t.Errorf("%d of 3 after the tables were changed", n)
	}
}

// What is asked again and again is understood once; what is asked once leaves nothing behind.
func TestStatementsAreKeptFromTheSecondTime(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	c, err := j.db.read.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	kept := func(text string) (there bool) {
		if err := c.Raw(func(of any) error { there = of.(*conn).kept[text] != nil; return nil }); err != nil {
			t.Error(err)
		}
		return there
	}
	for text, want := range map[string]bool{`SELECT 1`: true, `PRAGMA user_version`: false} {
		for n := 1; n <= 3; n++ {
			var got int
			if err := c.QueryRowContext(t.Context(), text).Scan(&got); err != nil || got == 0 {
				t.Errorf("%s: %d, %v", text, got, err)
			}
			if kept(text) != (want && n > 1) {
				t.Errorf("%s is kept after %d times: %v", text, n, kept(text))
			}
		}
	}
}
