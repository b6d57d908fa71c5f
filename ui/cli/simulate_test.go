package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A fault of the command line happens, and stands in the truth log beside what it spoiled.
func TestSimFault(t *testing.T) {
	t.Parallel()
	truth := filepath.Join(t.TempDir(), "truth.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan int)
	go func() {
		code := Main(ctx, Env{Args: []string{"sim", "--lxca", "127.0.0.1:0", "--truth", truth, "--fault", "status=503 effect=yes POST sftp/locks #2"},
			In: strings.NewReader(""), Out: w, Err: io.Discard})
		_ = w.Close()
		ended <- code
	}()
	line, err := bufio.NewReader(r).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var a struct{ URL string }
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the key is not what is tested
	defer tr.CloseIdleConnections()
	for i, want := range []int{201, 503, 201} {
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL+"/aicc/service/sftp/locks",
			strings.NewReader(`{"component":"UP","expirationTimeOut":600}`))
		if err != nil {
			t.Fatal(err)
		}
		q.SetBasicAuth("admin", "Passw0rd-admin")
		resp, err := tr.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("request %d: %s", i+1, resp.Status)
		}
	}
	cancel()
	if code := <-ended; code != ExitDone {
		t.Errorf("exit code %d", code)
	}
	text, err := os.ReadFile(truth)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), `"what":"lock.granted"`); n != 3 {
		t.Errorf("%d locks", n)
	}
	if !strings.Contains(string(text), `"what":"fault.status","more":"POST /aicc/service/sftp/locks"`) ||
		!strings.Contains(string(text), `"rule":"status=503 POST sftp/locks #2 effect=yes"`) {
		t.Errorf("truth:\n%s", text)
	}
}
