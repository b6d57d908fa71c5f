package cli

import (
	"errors"
	"io"
	"sync"
	"syscall"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

// screen is the terminal of a dashboard. It notices that the line is gone, which Bubble Tea does not: that ignores errors of
// writes, and goes on without input at the end of it (faults.md SIG-03). And it can put the terminal back when Bubble Tea
// cannot any more.
type screen struct {
	in    io.Reader
	out   io.Writer
	file  term.File // the terminal's input; nil when it is none
	state *term.State
	lost  func() // called when the line turns out to be gone

	mu    sync.Mutex // held while something is written
	taken bool       // nothing of the program is written any more
}

// newScreen takes the terminal's two directions. Where they are files, so are what Bubble Tea is to be given.
func newScreen(in io.Reader, out io.Writer, lost func()) *screen {
	s := &screen{in: in, out: out, lost: lost}
	if f, ok := in.(term.File); ok && term.IsTerminal(f.Fd()) {
		if state, err := term.GetState(f.Fd()); err == nil {
			s.file, s.state = f, state
		}
	}
	return s
}

// input is what the program reads from.
func (s *screen) input() io.Reader {
	if f, ok := s.in.(file); ok {
		return &inlet{f, s}
	}
	return s.in
}

// output is what the program writes to.
func (s *screen) output() io.Writer {
	if f, ok := s.out.(file); ok {
		return &fileOutlet{f, s}
	}
	return (*outlet)(s)
}

// file is what Bubble Tea and its reader want of a terminal.
type file interface {
	term.File
	Name() string
}

// inlet is the terminal's input.
type inlet struct {
	file
	screen *screen
}

// Read reads; the end of a terminal's input is the end of the line.
func (i *inlet) Read(p []byte) (int, error) {
	n, err := i.file.Read(p)
	i.screen.judge(err)
	return n, err
}

// outlet is the terminal's output when it is no file.
type outlet screen

// Write writes.
func (o *outlet) Write(p []byte) (int, error) { return (*screen)(o).write(p) }

// fileOutlet is the terminal's output when it is a file.
type fileOutlet struct {
	file
	screen *screen
}

// Write writes.
func (o *fileOutlet) Write(p []byte) (int, error) { return o.screen.write(p) }

func (s *screen) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken {
		return len(p), nil
	}
	n, err := s.out.Write(p)
	s.judge(err)
	return n, err
}

// judge takes every error for the end of the line, but for that of a terminal that somebody has set not to block.
func (s *screen) judge(err error) {
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		s.lost()
	}
}

// restore brings the modes of the terminal's line back to what they were: also when Bubble Tea was stopped and continued in
// the background, where what it found and gives back are those of a shell.
func (s *screen) restore() {
	if s.file != nil {
		_ = term.Restore(s.file.Fd(), s.state) // there is nothing else that could be done
	}
}

// putBack takes the terminal from the program and brings it back to what it was, should that be possible now.
func (s *screen) putBack() {
	within(wordTime, func() {
		s.mu.Lock()
		s.taken = true
		s.mu.Unlock()
		_, _ = io.WriteString(s.out, asBefore) // who reads it, if anybody does, is not known
	})
	s.restore()
}

// asBefore takes back every mode that Bubble Tea sets, in its order.
const asBefore = ansi.ResetModifyOtherKeys + "\x1b[<1u" + // the keyboard of the alternate screen
	ansi.ResetModeSynchronizedOutput + ansi.ResetModeUnicodeCore +
	ansi.ResetModeAltScreenSaveCursor + ansi.SetModeTextCursorEnable +
	ansi.ResetModeBracketedPaste + ansi.ResetModeFocusEvent +
	ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseAnyEvent + ansi.ResetModeMouseExtSgr +
	"\x1b]2;\x07" + ansi.ResetStyle // the window's title
