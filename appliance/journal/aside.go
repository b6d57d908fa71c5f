package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/appliance/fleet"
)

// setAside gives a damaged journal another name, says so, and lets nothing of it be taken for the new one. The gate is ours
// alone, and we have the file open no more.
func (j *Journal) setAside(why error) error {
	name := j.asideName()
	if err := os.Rename(j.path, name); err != nil {
		return fmt.Errorf("set the damaged journal aside: %w", err)
	}
	j.sys.point("aside: journal moved")
	// The journal before its -wal: without the journal the next start moves the -wal too; without the -wal the journal would
	// look whole and lack what was confirmed last.
	if err := j.sidesAside(name); err != nil {
		return err
	}
	j.sys.point("aside: moved")
	j.notice(fmt.Sprintf("the journal was damaged: %v; it was set aside as %s and a new one begun: "+
		"look at the locks and jobs on the appliances", why, name))
	return syncFolder(filepath.Dir(j.path))
}

func (j *Journal) sidesAside(name string) error {
	for _, side := range sides {
		if err := os.Rename(j.path+side, name+side); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("set the damaged journal aside: %w", err)
		}
	}
	return nil
}

// asideName is a name that nothing has: the journal's, and the date.
func (j *Journal) asideName() string {
	base := j.path + ".damaged-" + j.now().UTC().Format("20060102T150405Z")
	name := base
	for i := 2; taken(name); i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}

// tellWhy keeps as events of a new journal why it was begun, and returns the number of the last record. An engine that begins one
// keeps what it is told itself; a reader says it to one operator only, and nobody would find it out again.
func (j *Journal) tellWhy(ctx context.Context, db *sql.DB, last uint64) (uint64, error) {
	if j.options.Engine != "" {
		return last, nil
	}
	for _, text := range j.Notices() {
		last++
		r := event{id: int64(last), at: micros(j.now()), level: int64(fleet.Warn), text: text}
		if err := r.insert(ctx, db); err != nil {
			return last, fmt.Errorf("keep why it was begun: %w", err)
		}
	}
	return last, nil
}

// noticeAside tells of journals that were set aside.
func (j *Journal) noticeAside() {
	entries, err := os.ReadDir(filepath.Dir(j.path))
	if err != nil {
		return // the folder was read a moment ago; making the new journal will tell
	}
	for _, e := range entries {
		ours := strings.HasPrefix(e.Name(), filepath.Base(j.path)+".damaged-")
		if ours && !strings.HasSuffix(e.Name(), sides[0]) && !strings.HasSuffix(e.Name(), sides[1]) {
			j.notice(fmt.Sprintf("an earlier journal was damaged and lies in %s: look at the locks and jobs on the appliances",
				filepath.Join(filepath.Dir(j.path), e.Name())))
		}
	}
}

func taken(name string) bool {
	for _, end := range append([]string{""}, sides...) {
		if _, err := os.Lstat(name + end); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// replace sets the journal aside that turned out to be damaged while it was open, and begins a new one; when another process
// did so already, it opens that.
func (j *Journal) replace(ctx context.Context, broken *database, why error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.db != broken || broken.readOnly != nil {
		return nil
	}
	err := j.locked(ctx, true, func(ctx context.Context) error {
		info, err := os.Lstat(j.path)
		mine := err == nil && os.SameFile(info, broken.file)
		j.db = nil
		if err := broken.close(); err != nil {
			j.options.Log.Warn("journal: close the damaged file", "err", err)
		}
		if !mine || why == nil {
			return j.establish(ctx)
		}
		highest, _, err := j.witnessed()
		if err != nil {
			return err
		}
		if err := j.setAside(why); err != nil {
			return err
		}
		return j.begun(ctx, highest)
	})
	err = j.explain("begin a new journal", err)
	j.setTrouble(err)
	return err
}
