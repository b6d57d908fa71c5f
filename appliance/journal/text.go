package journal

import (
	"context"
	"database/sql"
	"encoding/binary"
	"hash/crc32"
	"time"

	"holdfast/appliance"
)

// label and words make text printable, whoever wrote it: what is kept here is shown again in some other run (faults.md I8).
func label(s string) string { return appliance.Label(s).String() }
func words(s string) string { return appliance.Words(s).String() }

// labels is the same for ids; nil stays nil, which is not the same as none.
func labels[ID ~string](ids []ID) []ID {
	if ids == nil {
		return nil
	}
	clean := make([]ID, len(ids))
	for i, id := range ids {
		clean[i] = ID(label(string(id)))
	}
	return clean
}

// micros is a moment as it is stored: microseconds since 1970 in UTC; 0 = no moment.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the reverse of micros.
func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// bit is a truth as it is stored.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Columns that came with a later step. While one is empty, or 0, the checksum is that of a record without it.
type (
	added       string
	addedNumber int64
)

// digest is the checksum of a record, over its columns in their order. Columns are *int64 and *string, and those that were added.
func digest(columns []any) int64 {
	var b []byte
	for _, c := range columns {
		switch v := c.(type) {
		case *int64:
			b = binary.BigEndian.AppendUint64(append(b, 'i'), uint64(*v))
		case *string:
			b = binary.BigEndian.AppendUint64(append(b, 's'), uint64(len(*v)))
			b = append(b, *v...)
		case *added:
			if *v != "" {
				b = binary.BigEndian.AppendUint64(append(b, 'a'), uint64(len(*v)))
				b = append(b, *v...)
			}
		case *addedNumber:
			if *v != 0 {
				b = binary.BigEndian.AppendUint64(append(b, 'n'), uint64(*v))
			}
		}
	}
	return int64(crc32.Checksum(b, castagnoli))
}

// scan reads columns and their checksum, which follows them, and refuses what does not fit.
func scan(row interface{ Scan(...any) error }, table string, columns []any) error {
	var sum int64
	if err := row.Scan(append(columns[:len(columns):len(columns)], &sum)...); err != nil {
		if code(err) != 0 || isOneOf(err, sql.ErrNoRows, context.Canceled, context.DeadlineExceeded) {
			return err
		}
		return damaged("a record of %s cannot be read: %v", table, err)
	}
	if digest(columns) != sum {
		return damaged("a record of %s does not fit its checksum", table)
	}
	return nil
}

// summed is columns and their checksum, as they are stored.
func summed(columns []any) []any { return append(columns[:len(columns):len(columns)], digest(columns)) }
