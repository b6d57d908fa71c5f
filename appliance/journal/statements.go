package journal

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

// keeping makes connections that keep the statements that they carry out again and again: to understand the text of one costs
// SQLite more than to carry it out, and every look at an appliance asks the same few.
type keeping struct{ driver.Connector }

// connectionTo opens connections to the database that the name tells.
func connectionTo(name string) (driver.Connector, error) {
	plain, err := sqlite.NewConnector(name)
	if err != nil {
		return nil, err
	}
	return keeping{plain}, nil
}

// Connect opens one.
func (k keeping) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := k.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := opened.(plainConn)
	if !ok {
		return nil, first(opened.Close(), fmt.Errorf("a connection to SQLite cannot do what the journal needs: %T", opened))
	}
	return &conn{plainConn: whole, kept: map[string]*statement{}}, nil
}

// plainConn is what the driver's connections can do and database/sql asks for.
type plainConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// conn is a connection. As of any, one goroutine at a time uses it, what it was asked for included.
type conn struct {
	plainConn
	kept map[string]*statement // by their texts; nil = it was carried out once
}

// statement is one that stays with its connection. SQLite itself makes it anew when the tables have changed.
type statement struct {
	whole
	busy bool // what it found is still being read
}

// whole is what the driver's statements can do.
type whole interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// statement is the one to use for a text; nil: none is kept for it, or the one that is is being used. A pragma is not kept, as it
// may do its work when it is prepared.
func (c *conn) statement(ctx context.Context, text string) (*statement, error) {
	s, again := c.kept[text]
	switch {
	case s != nil && !s.busy:
		return s, nil
	case s != nil, strings.HasPrefix(text, "PRAGMA"):
		return nil, nil //nolint:nilnil // said above
	case !again:
		c.kept[text] = nil
		return nil, nil //nolint:nilnil // said above
	}
	made, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s = &statement{whole: made.(whole)}
	c.kept[text] = s
	return s, nil
}

// ExecContext carries out what tells no rows.
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.plainConn.ExecContext(ctx, text, args)
	}
	return s.ExecContext(ctx, args)
}

// QueryContext carries out what tells rows.
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.plainConn.QueryContext(ctx, text, args)
	}
	found, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &rows{Rows: found, of: s}, nil
}

// Close closes the statements and the connection.
func (c *conn) Close() (err error) {
	for _, s := range c.kept {
		if s != nil {
			err = first(err, s.Close())
		}
	}
	clear(c.kept)
	return first(err, c.plainConn.Close())
}

// rows are those that a kept statement found.
type rows struct {
	driver.Rows
	of *statement
}

// Close lets the statement be used again.
func (r *rows) Close() error {
	err := r.Rows.Close()
	r.of.busy = false
	return err
}
