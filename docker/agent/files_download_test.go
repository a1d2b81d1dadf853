package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openDownload opens a download and returns what the agent says of what it found, or the refusal.
func (f fileTest) openDownload(path string) (id uint32, opened fields, refused reply) {
	f.t.Helper()
	id = f.open("download", fields{"path": path}, nil, false)
	for {
		frame := f.next()
		if frame.id != id {
			continue
		}
		if frame.kind == frameResponse {
			return id, nil, reply{head: decodeFields(f.t, frame.head)}
		}
		return id, decodeFields(f.t, frame.head), refused
	}
}

func (f fileTest) want(id uint32, words string) reply {
	f.t.Helper()
	f.input.Write(encodeFrame(id, frameData, nil, []byte(words), true))
	return f.wait(id)
}

func (f fileTest) version(name string) string {
	f.t.Helper()
	id, opened, _ := f.openDownload(f.at(name))
	f.input.Write(encodeFrame(id, frameCancel, nil, nil, true))
	f.wait(id)
	version, _ := opened["version"].(string)
	return version
}

// large makes a file of more than a frame holds.
func (f fileTest) large(name, content string) {
	f.t.Helper()
	os.MkdirAll(filepath.Dir(f.at(name)), 0o755)
	if err := os.WriteFile(f.at(name)+".new", []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
	f.asOwner(os.Rename(f.at(name)+".new", f.at(name)))
}

func decodeFields(t *testing.T, head []byte) fields {
	t.Helper()
	value, err := decodeHead[fields](head)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestADownloadSendsWhatItHasOpened(t *testing.T) {
	f := connectFiles(t)
	content := strings.Repeat("0123456789", 50_000)
	f.large("file", content)
	for words, want := range map[string]string{
		"":                           content,
		"{}":                         content,
		`{"offset":10}`:              content[10:],
		`{"offset":10,"length":300}`: content[10:310],
		`{"offset":9999999}`:         "",
	} {
		id, opened, _ := f.openDownload(f.at("file"))
		if opened["event"] != "opened" || opened["type"] != "file" || opened["size"] != float64(len(content)) || opened["version"] == "" {
			t.Fatal(opened)
		}
		// What is there under its name by now is another file.
		f.large("file", content)
		r := f.want(id, words)
		if r.code() != "" || r.text(0) != want || r.head["bytes"] != float64(len(want)) {
			t.Errorf("%s: %v, %d bytes", words, r.head, len(r.text(0)))
		}
	}
}

func TestADownloadIsRefusedLikeAReading(t *testing.T) {
	f := connectFiles(t)
	f.asOwner(syscall.Mkfifo(f.at("fifo"), 0o666))
	os.WriteFile(f.at("roots"), []byte("secret"), 0o600)
	os.Mkdir(f.at("rootsdir"), 0o700)
	for path, code := range map[string]string{
		f.at("none"): "not_found", f.at("fifo"): "special_file", f.at("roots"): "permission_denied",
		f.at("rootsdir"): "permission_denied", "/proc": "special_file", "/proc/self": "special_file", "../x": "invalid_path",
	} {
		if _, opened, r := f.openDownload(path); r.code() != code {
			t.Errorf("%s: %v %v", path, opened, r.head)
		}
	}
	f.put("file", "x", "create")
	for _, words := range []string{`{"offset":-1}`, "no", strings.Repeat(" ", maxRangeBytes+1)} {
		id, _, _ := f.openDownload(f.at("file"))
		if r := f.want(id, words); r.code() != "bad_request" {
			t.Error(words, r.head)
		}
	}
}

func TestAVersionChangesWithEveryChange(t *testing.T) {
	f := connectFiles(t)
	seen := map[string]bool{}
	for i := 0; i < 20; i++ {
		// The same size, and as soon after the look at the last one as can be.
		if err := os.WriteFile(f.at("file"), []byte(fmt.Sprint(i%10)), 0o666); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(f.at("file"), time.Unix(1, 0), time.Unix(1, 0))
		version := f.version("file")
		if version == "" || seen[version] {
			t.Fatalf("version %q at change %d", version, i)
		}
		seen[version] = true
	}
	if f.version("file") != f.version("file") {
		t.Error("the version of an unchanged file changes")
	}
}

func TestAWriteCanAskForTheVersionThatItReplaces(t *testing.T) {
	f := connectFiles(t)
	write := func(content string, more fields) reply {
		head := fields{"path": f.at("file"), "mode": "create", "version": true}
		for name, value := range more {
			head[name] = value
		}
		return f.call("write_file", head, []byte(content))
	}
	first := write("one", nil)
	if first.head["created"] != true || first.head["version"] != f.version("file") {
		t.Fatal(first.head, f.version("file"))
	}
	second := write("two", fields{"ifVersion": []any{"x", first.head["version"]}})
	if second.code() != "" || second.head["created"] != false || second.head["version"] == first.head["version"] {
		t.Fatal(second.head)
	}
	for _, versions := range [][]any{{first.head["version"]}, {}} {
		if r := write("three", fields{"ifVersion": versions}); r.code() != "version_mismatch" || f.content("file") != "two" {
			t.Error(versions, r.head)
		}
	}
	id := f.open("write_file", fields{"path": f.at("file"), "mode": "create", "ifVersion": []any{second.head["version"]}}, []byte("half"), false)
	for !strings.Contains(f.names(), temporaryPrefix) {
		time.Sleep(time.Millisecond)
	}
	write("meanwhile", nil)
	f.input.Write(encodeFrame(id, frameData, nil, []byte("and half"), true))
	if r := f.wait(id); r.code() != "version_mismatch" || f.content("file") != "meanwhile" || f.names() != "file" {
		t.Error(r.head, f.content("file"), f.names())
	}
}

func TestAWriteKeepsToTheSizeThatItSaid(t *testing.T) {
	f := connectFiles(t)
	f.put("file", "old", "create")
	for size, code := range map[int64]string{2: "bad_request", 4: "bad_request", 1 << 60: "no_space", 3: ""} {
		r := f.call("write_file", fields{"path": f.at("file"), "mode": "create", "size": size}, []byte("new"))
		if r.code() != code || f.names() != "file" {
			t.Error(size, r.head, f.names())
		}
	}
	if f.content("file") != "new" {
		t.Error(f.content("file"))
	}
}

func (f fileTest) tar(path string) (map[string]*tar.Header, map[string]string, reply) {
	f.t.Helper()
	id, _, refused := f.openDownload(path)
	if refused.head != nil {
		return nil, nil, refused
	}
	r := f.want(id, "")
	headers, contents := map[string]*tar.Header{}, map[string]string{}
	reader := tar.NewReader(strings.NewReader(r.text(0)))
	for {
		header, err := reader.Next()
		if err != nil {
			if err != io.EOF && r.code() == "" {
				f.t.Fatal(err)
			}
			return headers, contents, r
		}
		content, _ := io.ReadAll(reader)
		headers[header.Name], contents[header.Name] = header, string(content)
	}
}

func TestADirectoryIsSentAsATar(t *testing.T) {
	f := connectFiles(t)
	long := strings.Repeat("a-rather-long-name/", 20)
	large := string(bytes.Repeat([]byte("large"), 100_000))
	for name, content := range map[string]string{
		"tree/file": "1", "tree/empty": "", "tree/" + long + "file": "deep", "tree/ü\n\"": "odd",
	} {
		f.put(name, content, "create")
	}
	f.large("tree/large", large)
	os.WriteFile(f.at("tree/bad\xff"), []byte("raw"), 0o644)
	os.Chmod(f.at("tree/file"), 0o4750)
	f.asOwner(os.Lchown(f.at("tree/file"), sandboxUser, sandboxGroup))
	f.asOwner(os.Symlink("/etc/passwd", f.at("tree/link")))
	f.asOwner(os.Symlink("/", f.at("tree/to-root")))
	f.asOwner(syscall.Mkfifo(f.at("tree/fifo"), 0o666))
	headers, contents, r := f.tar(f.at("tree"))
	if r.code() != "" || r.head["leftOut"] != 1.0 || r.head["bytes"] != float64(len(r.text(0))) {
		t.Fatal(r.head)
	}
	for name, want := range map[string]string{
		"tree/file": "1", "tree/empty": "", "tree/large": large, "tree/" + long + "file": "deep", "tree/ü\n\"": "odd", "tree/bad\xff": "raw",
	} {
		if headers[name] == nil || contents[name] != want {
			t.Errorf("%q: %v", name, headers[name])
		}
	}
	if link := headers["tree/link"]; link == nil || link.Typeflag != tar.TypeSymlink || link.Linkname != "/etc/passwd" {
		t.Errorf("%+v", link)
	}
	if headers["tree/"] == nil || headers["tree/"].Typeflag != tar.TypeDir || headers["tree/to-root"].Typeflag != tar.TypeSymlink {
		t.Errorf("%v", headers)
	}
	if headers["tree/file"].Mode&0o7000 != 0 || headers["tree/file"].Uid != sandboxUser {
		t.Errorf("%+v", headers["tree/file"])
	}
	if len(headers) != 9+strings.Count(long, "/") {
		t.Errorf("%d entries", len(headers))
	}
}

func TestATarThatLacksSomethingFails(t *testing.T) {
	f := connectFiles(t)
	f.put("tree/file", "1", "create")
	os.WriteFile(f.at("tree/roots"), []byte("secret"), 0o600)
	if _, _, r := f.tar(f.at("tree")); r.code() != "permission_denied" {
		t.Error(r.head)
	}
	os.Remove(f.at("tree/roots"))
	os.Mkdir(f.at("tree/rootsdir"), 0o700)
	if _, _, r := f.tar(f.at("tree")); r.code() != "permission_denied" {
		t.Error(r.head)
	}
}

func TestAFileThatShrinksIsNeverFilledUp(t *testing.T) {
	f := connectFiles(t)
	f.large("tree/file", strings.Repeat("x", 3_000_000))
	id, _, _ := f.openDownload(f.at("tree/file"))
	os.Truncate(f.at("tree/file"), 1000)
	if r := f.want(id, ""); r.code() != "" || r.head["bytes"] != 1000.0 {
		t.Error(r.head)
	}
	os.Truncate(f.at("tree/file"), 3_000_000)
	id, _, _ = f.openDownload(f.at("tree"))
	// It is sent as far as there is credit, and then waits.
	f.input.Write(encodeFrame(id, frameData, nil, nil, true))
	first := f.next()
	os.Truncate(f.at("tree/file"), 1000)
	f.grant(id, len(first.payload))
	if r := f.wait(id); r.code() != "io_error" {
		t.Error(r.head)
	}
}

func TestMoreTarsThanAllowedAreRefused(t *testing.T) {
	f := connectFiles(t)
	f.large("tree/file", strings.Repeat("x", 1_000_000))
	var unread []uint32
	for i := 0; i < maxTars; i++ {
		id, _, _ := f.openDownload(f.at("tree"))
		f.input.Write(encodeFrame(id, frameData, nil, nil, true))
		f.next()
		unread = append(unread, id)
	}
	if _, _, r := f.tar(f.at("tree")); r.code() != "busy" {
		t.Error(r.head)
	}
	for _, id := range unread {
		f.input.Write(encodeFrame(id, frameCancel, nil, nil, true))
		if r := f.wait(id); r.code() != "cancelled" {
			t.Error(r.head)
		}
	}
	if _, _, r := f.tar(f.at("tree")); r.code() != "" {
		t.Error(r.head)
	}
}
