package journal

import (
	"context"
	"database/sql"
)

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls f for every row of a query.
func each(ctx context.Context, q querier, query string, f func(*sql.Rows) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row is a record that some engine answers for, at some appliance.
type row[R any] interface {
	*R
	columns() []any
	keeping() (keeper, appliance string)
}

// read tells the records of a query that are wanted; all of them are held against their checksums.
func read[R any, P row[R]](ctx context.Context, q querier, table, query string, wanted func(keeper, appliance string) bool,
	args ...any,
) (all []R, err error) {
	err = each(ctx, q, query, func(found *sql.Rows) error {
		var r R
		if err := scan(found, table, P(&r).columns()); err != nil {
			return err
		}
		if wanted(P(&r).keeping()) {
			all = append(all, r)
		}
		return nil
	}, args...)
	return all, err
}
