package journal

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// database is the open file. One connection writes; those that read never wait for it (WAL).
type database struct {
	write, read *sql.DB
	file        fs.FileInfo // what lay at the path when it was opened
	readOnly    error       // why it must not be written; nil = it may
}

func (d *database) close() error { return errors.Join(d.read.Close(), d.write.Close()) }

// moved reports whether another file lies at the path, or none.
func (d *database) moved(path string) bool {
	info, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, d.file)
}

// connection opens a pool on path. SQLite makes nothing there that it does not find.
func connection(path string, wait time.Duration, most int, query url.Values) (*sql.DB, error) {
	query.Set("mode", "rw")
	query.Set("_busy_timeout", strconv.FormatInt(wait.Milliseconds(), 10))
	query.Set("_dqs", "0")
	query.Set("_defensive", "1")
	query.Set("_error_rc", "1")
	u := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	to, err := connectionTo(u.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(to)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	return db, nil
}

// durable makes a commit wait for the disk, on macOS for what the disk keeps in its own memory too.
func durable(query url.Values) url.Values {
	query.Set("_synchronous", "FULL")
	query["_pragma"] = []string{"fullfsync(1)", "checkpoint_fullfsync(1)", "journal_size_limit(4194304)"}
	return query
}

func attach(path string, wait time.Duration) (*database, error) {
	write, err := connection(path, wait, 1, durable(url.Values{"_txlock": {"immediate"}}))
	if err != nil {
		return nil, err
	}
	read, err := connection(path, wait, 4, url.Values{"_query_only": {"1"}})
	if err != nil {
		return nil, first(err, write.Close())
	}
	return &database{write: write, read: read}, nil
}

// establish puts a database in place: the one that is there, or a new one when there is none or it is damaged. The gate is
// ours alone meanwhile.
func (j *Journal) establish(ctx context.Context) error {
	if err := j.join(); err != nil {
		return err
	}
	highest, ids, err := j.witnessed()
	if err != nil {
		return fmt.Errorf("look at the state folder: %w", err)
	}
	err = j.load(ctx, highest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if highest > 0 {
			j.notice(fmt.Sprintf("the journal %s is gone, with its records up to number %d: a new one was begun", j.path, highest))
		}
		j.noticeAside() // by a start that ended before it could begin a new one
		err = j.begun(ctx, highest)
	case isDamage(err):
		if err = j.setAside(err); err == nil {
			err = j.begun(ctx, highest)
		}
	}
	if err != nil || j.db.readOnly != nil {
		return err
	}
	j.tidy(ids)
	return nil
}

// load opens the journal that is there, after a look at everything but its records.
func (j *Journal) load(ctx context.Context, highest uint64) (err error) {
	info, err := j.secureFiles()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return damaged("it is empty")
	}
	db, err := attach(j.path, j.options.Wait)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = first(err, db.close())
		}
	}()
	db.file = info
	version, err := j.identify(ctx, db)
	if err != nil {
		return err
	}
	if version > len(j.sys.schema.steps) {
		newer := &newerError{version: version, ours: len(j.sys.schema.steps)}
		j.notice(fmt.Sprintf("the journal %s can only be read: %v", j.path, newer))
		j.db, db.readOnly = db, newer
		return nil
	}
	if err := migrate(ctx, db.write, j.sys.schema.steps, version, j.sys.point); err != nil {
		return err
	}
	if err := checkNumbers(ctx, db.read, highest); err != nil {
		return err
	}
	if err := j.enroll(ctx, db); err != nil {
		return err
	}
	j.db = db
	return nil
}

// secureFiles looks at the journal and what SQLite keeps beside it. A -wal without its journal is moved away, or SQLite
// would put its content into a new one.
func (j *Journal) secureFiles() (fs.FileInfo, error) {
	info, tightened, err := secureFile(j.path, j.sys.uid)
	gone := errors.Is(err, fs.ErrNotExist)
	if err != nil && !gone {
		return nil, err
	}
	for _, side := range sides {
		_, t, err := secureFile(j.path+side, j.sys.uid)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		tightened = cmp.Or(tightened, t)
	}
	if tightened != "" {
		j.notice(tightened)
	}
	if gone {
		return nil, first(j.sidesAside(j.asideName()), err)
	}
	return info, nil
}

// identify tells the version of the schema, when the file is a journal of ours at all.
func (j *Journal) identify(ctx context.Context, db *database) (version int, err error) {
	var id int64
	var mode string
	for pragma, into := range map[string]any{"application_id": &id, "user_version": &version, "journal_mode": &mode} {
		if err := db.read.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(into); err != nil {
			return 0, fmt.Errorf("read its header: %w", err)
		}
	}
	switch {
	case id != application:
		return 0, damaged("it is not a journal of Holdfast")
	case version < 1:
		return 0, damaged("it has schema %d, which there never was", version)
	case !strings.EqualFold(mode, "wal"):
		return 0, damaged("its header says that it is written in another way (%s)", label(mode))
	}
	return version, nil
}

// checkNumbers sees that the counter has reached every record that is there and every one that was ever confirmed.
func checkNumbers(ctx context.Context, db *sql.DB, highest uint64) error {
	var counted, last int64
	if err := db.QueryRowContext(ctx, `SELECT n FROM counter`).Scan(&counted); err != nil {
		if code(err) != 0 || ctx.Err() != nil {
			return err
		}
		return damaged("its counter cannot be read: %v", err)
	}
	if err := db.QueryRowContext(ctx, lastNumber).Scan(&last); err != nil {
		return err
	}
	if counted < last {
		return damaged("record %d is numbered beyond the counter, which says %d", last, counted)
	}
	if uint64(counted) < highest {
		return damaged("it ends at record %d, but record %d was confirmed", counted, highest)
	}
	return nil
}

// begun makes a new journal, whose numbers go on from those that were handed out. It gets its name when it is whole.
func (j *Journal) begun(ctx context.Context, last uint64) error {
	fresh := j.path + ".new"
	for _, end := range append([]string{""}, sides...) {
		if err := os.Remove(fresh + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what is left of an earlier start: %w", err)
		}
	}
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := connection(fresh, j.options.Wait, 1, durable(url.Values{"_journal_mode": {"WAL"}}))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", application))
	if err == nil {
		err = migrate(ctx, db, j.sys.schema.steps, 0, j.sys.point)
	}
	if err == nil {
		last, err = j.tellWhy(ctx, db, last)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, `INSERT INTO counter (one, n) VALUES (1, ?)`, int64(last))
	}
	if err := first(err, db.Close()); err != nil {
		return fmt.Errorf("make a new one: %w", err)
	}
	j.sys.point("new: before its name")
	if err := os.Rename(fresh, j.path); err != nil {
		return err
	}
	j.sys.point("new: named")
	if err := syncFolder(filepath.Dir(j.path)); err != nil {
		return err
	}
	return j.load(ctx, last)
}
