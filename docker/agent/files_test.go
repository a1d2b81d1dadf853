package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

type fileTest struct {
	*testServer
	dir string
}

func connectFiles(t *testing.T) fileTest {
	s := connect(t)
	return fileTest{s, sandboxDirectory(t)}
}

func (f fileTest) at(name string) string { return f.dir + "/" + name }

func (f fileTest) put(name, content string, mode string) reply {
	f.t.Helper()
	return f.call("write_file", fields{"path": f.at(name), "mode": mode, "parents": true}, []byte(content))
}

func (f fileTest) content(name string) string {
	f.t.Helper()
	content, err := os.ReadFile(f.at(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(content)
}

func (f fileTest) names() string {
	entries, _ := os.ReadDir(f.dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func (f fileTest) asOwner(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestWriteModes(t *testing.T) {
	f := connectFiles(t)
	for _, c := range []struct{ mode, content, code, after string }{
		{"overwrite", "x", "not_found", ""},
		{"create_new", "one", "", "one"},
		{"create_new", "two", "already_exists", "one"},
		{"create", "three", "", "three"},
		{"overwrite", "four", "", "four"},
		{"append", "+5", "", "four+5"},
		{"delete", "x", "bad_request", "four+5"},
	} {
		r := f.put("file", c.content, c.mode)
		if r.code() != c.code || c.code == "" && r.head["path"] != f.at("file") {
			t.Errorf("%s: %v", c.mode, r.head)
		}
		if c.after != "" && f.content("file") != c.after {
			t.Errorf("%s: %q", c.mode, f.content("file"))
		}
	}
	var stat syscall.Stat_t
	syscall.Stat(f.at("file"), &stat)
	if stat.Uid != sandboxUser || stat.Gid != sandboxGroup || stat.Mode&0o7777 != 0o644 {
		t.Errorf("%+v", stat)
	}
	if f.names() != "file" {
		t.Errorf("left behind: %s", f.names())
	}
}

func TestASlashBehindANameMeansADirectory(t *testing.T) {
	f := connectFiles(t)
	f.put("file", "old", "create")
	f.asOwner(os.Mkdir(f.at("dir"), 0o777))
	f.asOwner(os.Chmod(f.at("dir"), 0o777))
	both := func(source, destination string) fields {
		return fields{"source": f.at(source), "destination": f.at(destination), "overwrite": true, "recursive": true}
	}
	for _, c := range []struct {
		method string
		head   fields
		code   string
	}{
		{"read_file", fields{"path": f.at("file/")}, "not_a_directory"},
		{"read_file", fields{"path": f.at("dir/")}, "is_a_directory"},
		{"stat_file", fields{"path": f.at("file/")}, "not_a_directory"},
		{"stat_file", fields{"path": f.at("dir/")}, ""},
		{"stat_file", fields{"path": f.at("none/")}, "not_found"},
		{"list_directory", fields{"path": f.at("dir/")}, ""},
		{"delete_file", fields{"path": f.at("file/")}, "not_a_directory"},
		{"copy_file", both("file/", "copy"), "not_a_directory"},
		{"copy_file", both("file", "copy/"), "not_a_directory"},
		{"copy_file", both("dir/", "dir2/"), ""},
		{"move_file", both("file/", "moved"), "not_a_directory"},
		{"move_file", both("file", "moved/"), "not_a_directory"},
		{"move_file", both("dir/", "dir3/"), ""},
		{"create_directory", fields{"path": f.at("dir4/"), "recursive": true}, ""},
		{"create_directory", fields{"path": f.at("dir5/")}, ""},
		{"write_file", fields{"path": f.at("file/"), "mode": "create"}, "not_a_directory"},
		{"write_file", fields{"path": f.at("new/"), "mode": "create", "parents": true}, "not_a_directory"},
		{"write_file", fields{"path": f.at("dir4/"), "mode": "create"}, "is_a_directory"},
	} {
		if r := f.call(c.method, c.head, nil); r.code() != c.code {
			t.Errorf("%s %v: %v", c.method, c.head, r.head)
		}
	}
	if f.names() != "dir2 dir3 dir4 dir5 file" || f.content("file") != "old" {
		t.Error(f.names())
	}
}

func TestAWriteKeepsPermissionBitsAndAsksForThem(t *testing.T) {
	f := connectFiles(t)
	f.put("file", "old", "create")
	os.Chmod(f.at("file"), 0o750)
	f.put("file", "new", "create")
	if info, _ := os.Stat(f.at("file")); info.Mode().Perm() != 0o750 {
		t.Errorf("%v", info.Mode())
	}
	os.Chmod(f.at("file"), 0o444)
	if r := f.put("file", "newer", "create"); r.code() != "permission_denied" || f.content("file") != "new" {
		t.Error(r.head)
	}
	os.WriteFile(f.at("roots"), []byte("secret"), 0o600)
	if r := f.call("read_file", fields{"path": f.at("roots")}, nil); r.code() != "permission_denied" {
		t.Error(r.head)
	}
}

func TestAnUnfinishedWriteLeavesTheOldFileAndNothingElse(t *testing.T) {
	f := connectFiles(t)
	f.put("file", "old", "create")
	for name, end := range map[string]func(id uint32) string{
		"cancelled": func(id uint32) string {
			f.input.Write(encodeFrame(id, frameCancel, nil, nil, true))
			return f.wait(id).code()
		},
		"timed_out": func(id uint32) string { return f.wait(id).code() },
		"": func(id uint32) string {
			for f.names() == "file" {
				time.Sleep(time.Millisecond)
			}
			f.input.Write(make([]byte, maxFrameBytes))
			f.hello()
			for f.names() != "file" {
				time.Sleep(time.Millisecond)
			}
			return ""
		},
	} {
		head := fields{"path": f.at("file"), "mode": "create"}
		if name == "timed_out" {
			head["timeoutMs"] = 100
		}
		id := f.open("write_file", head, []byte("half"), false)
		if code := end(id); code != name {
			t.Errorf("%q: %q", name, code)
		}
		if f.content("file") != "old" || f.names() != "file" {
			t.Errorf("%q: %q, %s", name, f.content("file"), f.names())
		}
	}
}

func TestLargeFilesGoThroughInPieces(t *testing.T) {
	f := connectFiles(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 50_000)
	id := f.open("write_file", fields{"path": f.at("file"), "mode": "create"}, content[:100_000], false)
	credit := initialCreditBytes - 100_000
	for at := 100_000; at < len(content); {
		for credit == 0 {
			if frame := f.next(); frame.kind == frameCredit {
				credit += int(frame.payload[0]) | int(frame.payload[1])<<8 | int(frame.payload[2])<<16
			}
		}
		n := min(credit, 131_072, len(content)-at)
		f.input.Write(encodeFrame(id, frameData, nil, content[at:at+n], at+n == len(content)))
		at, credit = at+n, credit-n
	}
	if r := f.wait(id); r.head["bytes"] != float64(len(content)) {
		t.Fatal(r.head)
	}
	r := f.call("read_file", fields{"path": f.at("file")}, nil)
	if r.text(0) != string(content) || r.head["bytes"] != float64(len(content)) {
		t.Fatal(r.head)
	}
	r = f.call("read_file", fields{"path": f.at("file"), "offset": 10, "length": 20}, nil)
	if string(r.payload) != string(content[10:30]) || r.head["size"] != float64(len(content)) {
		t.Fatal(r.head, string(r.payload))
	}
	if r = f.call("read_file", fields{"path": f.at("file"), "offset": 1 << 40}, nil); len(r.payload) != 0 || r.code() != "" {
		t.Fatal(r.head)
	}
}

// A long upload waits for more before it writes, but neither for ever nor for what comes in crumbs.
func TestSmallPiecesOfALongUploadAreWrittenBeforeItsEnd(t *testing.T) {
	f := connectFiles(t)
	id := f.open("write_file", fields{"path": f.at("file"), "mode": "create"}, []byte("first"), false)
	content := []byte("first")
	for piece := 0; piece < 80; piece++ {
		data := bytes.Repeat([]byte{byte(piece)}, 1000)
		content = append(content, data...)
		f.input.Write(encodeFrame(id, frameData, nil, data, false))
	}
	for granted := 0; granted < uploadWindowBytes+grantStepBytes; {
		if frame := f.next(); frame.kind == frameCredit {
			granted += int(binary.LittleEndian.Uint32(frame.payload))
		}
	}
	f.input.Write(encodeFrame(id, frameData, nil, []byte("last"), true))
	content = append(content, "last"...)
	if r := f.wait(id); r.head["bytes"] != float64(len(content)) || f.content("file") != string(content) {
		t.Fatal("other bytes than were sent", r.head)
	}
}

func TestALongUploadGetsAWiderWindowAndKeepsItsBytes(t *testing.T) {
	f := connectFiles(t)
	id := f.open("write_file", fields{"path": f.at("file"), "mode": "create"}, []byte{0}, false)
	credit := initialCreditBytes - 1
	for credit < initialCreditBytes+uploadWindowBytes-1 {
		if frame := f.next(); frame.kind == frameCredit {
			credit += int(binary.LittleEndian.Uint32(frame.payload))
		}
	}
	// Pieces of changing sizes, each told by its bytes: memory of one that is used again must not show in another.
	content := []byte{0}
	for piece := 1; len(content) < credit-maxDataBytes; piece++ {
		data := bytes.Repeat([]byte{byte(piece)}, 20_000+piece*7919%100_000)
		content = append(content, data...)
		f.input.Write(encodeFrame(id, frameData, nil, data, false))
	}
	f.input.Write(encodeFrame(id, frameData, nil, nil, true))
	if r := f.wait(id); r.head["bytes"] != float64(len(content)) || f.content("file") != string(content) {
		t.Fatal("other bytes than were sent", r.head)
	}
}

func TestSpecialFilesAreNeverOpened(t *testing.T) {
	f := connectFiles(t)
	f.asOwner(syscall.Mkfifo(f.at("fifo"), 0o666))
	f.asOwner(os.Symlink("/proc/self/exe", f.at("magic")))
	f.asOwner(os.Symlink("fifo", f.at("to-fifo")))
	f.asOwner(os.Symlink("/dev/zero", f.at("to-zero")))
	for _, path := range []string{
		f.at("fifo"), f.at("to-fifo"), f.at("to-zero"), f.at("magic"), "/dev/zero", "/dev/null", "/proc/self/mem", "/proc/1/environ",
		"/proc/self/environ", "/proc/self/fd/0", "/proc/self/root/etc/passwd", "/proc/version", "/sys/kernel/uevent_seqnum", "/dev/stdin",
	} {
		begin := time.Now()
		if r := f.call("read_file", fields{"path": path}, nil); r.code() != "special_file" {
			t.Errorf("reading %s: %v", path, r.head)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("reading %s took %v", path, took)
		}
		if r := f.call("write_file", fields{"path": path, "mode": "append"}, []byte("x")); r.code() == "" {
			t.Errorf("writing %s: %v", path, r.head)
		}
		if r := f.call("copy_file", fields{"source": path, "destination": f.at("copy")}, nil); r.code() != "special_file" {
			t.Errorf("copying %s: %v", path, r.head)
		}
	}
}

func TestLinksAreFollowedAsTheSandboxUser(t *testing.T) {
	f := connectFiles(t)
	f.asOwner(os.Symlink("/etc/shadow", f.at("shadow")))
	f.asOwner(os.Symlink("loop", f.at("loop")))
	f.asOwner(os.Symlink("file", f.at("link")))
	f.asOwner(os.Symlink("new/../fresh", f.at("dangling")))
	f.asOwner(os.Mkdir(f.at("new"), 0o755))
	for _, method := range []string{"read_file", "write_file"} {
		if r := f.call(method, fields{"path": f.at("shadow"), "mode": "create"}, []byte("x")); r.code() != "permission_denied" {
			t.Errorf("%s: %v", method, r.head)
		}
		if r := f.call(method, fields{"path": f.at("loop"), "mode": "create"}, []byte("x")); r.code() != "too_many_links" {
			t.Errorf("%s: %v", method, r.head)
		}
	}
	f.put("file", "old", "create")
	f.put("link", "through", "create")
	f.put("dangling", "made", "create")
	if info, _ := os.Lstat(f.at("link")); info.Mode()&os.ModeSymlink == 0 || f.content("file") != "through" || f.content("fresh") != "made" {
		t.Error("a link was replaced and not followed")
	}
}

func TestTheSameWithoutOpenat2(t *testing.T) {
	if !hasOpenat2 {
		t.Skip("openat2 is missing here: the other tests have gone without it already")
	}
	hasOpenat2 = false
	defer func() { hasOpenat2 = true }()
	t.Run("special files", TestSpecialFilesAreNeverOpened)
	t.Run("links", TestLinksAreFollowedAsTheSandboxUser)
	t.Run("writing", TestWriteModes)
	t.Run("listing", TestListingsAreTheSameHoweverTheyArePaged)
	t.Run("trees", TestCopyMoveDelete)
	t.Run("directories", TestDirectories)
}

type listed struct {
	Name, Path, Type, Target, NameBase64 string
}

func (f fileTest) list(head fields) (entries []listed, next any) {
	f.t.Helper()
	r := f.call("list_directory", head.with("path", f.dir), nil)
	if r.code() != "" {
		f.t.Fatal(r.head)
	}
	for _, line := range strings.Split(strings.TrimSuffix(r.text(0), "\n"), "\n") {
		var e listed
		if line != "" {
			f.asOwner(json.Unmarshal([]byte(line), &e))
			entries = append(entries, e)
		}
	}
	return entries, r.head["nextCursor"]
}

func TestListingsAreTheSameHoweverTheyArePaged(t *testing.T) {
	f := connectFiles(t)
	for _, name := range []string{"a/b/c/deep.txt", "a/b.txt", "a-b", "b/1", "b/2", "b/3", ".hidden/x", "z", "a/.h/y", "empty"} {
		f.asOwner(os.MkdirAll(filepath.Dir(f.at(name)), 0o755))
		f.asOwner(os.WriteFile(f.at(name), nil, 0o644))
	}
	f.asOwner(os.Symlink("a", f.at("link")))
	f.asOwner(os.WriteFile(f.at("bad\xff"), nil, 0o644))
	f.asOwner(os.MkdirAll(f.at("closed"), 0o700))
	// Each directory's names in byte order, depth first: "a-b" stands after all of "a".
	want := "a a/b a/b/c a/b/c/deep.txt a/b.txt a-b b b/1 b/2 b/3 bad\uFFFD closed empty link z"
	for limit := 1; limit < 20; limit++ {
		var all []string
		head := fields{"recursive": true, "limit": limit}
		for {
			entries, next := f.list(head)
			if len(entries) > limit {
				t.Fatalf("%d entries of at most %d", len(entries), limit)
			}
			for _, e := range entries {
				all = append(all, strings.TrimPrefix(e.Path, f.dir+"/"))
				if e.Name == "link" && (e.Type != "symlink" || e.Target != "a") {
					t.Errorf("%+v", e)
				}
				if raw, _ := base64.StdEncoding.DecodeString(e.NameBase64); strings.HasPrefix(e.Name, "bad") && string(raw) != "bad\xff" {
					t.Errorf("%+v", e)
				}
			}
			if next == nil {
				break
			}
			head["cursor"] = next
		}
		if got := strings.Join(all, " "); got != want {
			t.Fatalf("in pages of %d: %s", limit, got)
		}
	}
	for name, c := range map[string]struct {
		head fields
		want int
	}{
		"hidden":        {fields{"recursive": true, "includeHidden": true}, 19},
		"flat":          {fields{}, 8},
		"depth 2":       {fields{"recursive": true, "maxDepth": 2}, 13},
		"by name":       {fields{"recursive": true, "pattern": "*.txt"}, 2},
		"by path":       {fields{"recursive": true, "pattern": "a/**/*.txt"}, 2},
		"by short path": {fields{"recursive": true, "pattern": "a/*.txt"}, 1},
		"flat by name":  {fields{"pattern": "?"}, 3},
	} {
		entries, _ := f.list(c.head)
		if len(entries) != c.want {
			t.Errorf("%s: %d entries", name, len(entries))
		}
	}
}

func TestACursorIsOfOneListing(t *testing.T) {
	f := connectFiles(t)
	for _, name := range []string{"a", "b", "c", "d/e"} {
		f.put(name, "", "create")
	}
	_, next := f.list(fields{"limit": 2})
	if next == nil {
		t.Fatal("one page had all")
	}
	if entries, _ := f.list(fields{"limit": 1, "cursor": next}); len(entries) != 1 || entries[0].Name != "c" {
		t.Errorf("%+v", entries)
	}
	for name, more := range map[string]fields{
		"no base64":       {"cursor": "!!!"},
		"too short":       {"cursor": "Yg"},
		"made up":         {"cursor": "YWJjZGVmZ2hpamtsbW5vcGI"},
		"of another":      {"cursor": next, "recursive": true},
		"of another glob": {"cursor": next, "pattern": "*"},
		"of another path": {"cursor": next, "path": f.at("d")},
		"open bracket":    {"pattern": "[a"},
	} {
		head := fields{"path": f.dir}
		for key, value := range more {
			head[key] = value
		}
		if r := f.call("list_directory", head, nil); r.code() != "bad_request" {
			t.Errorf("%s: %v", name, r.head)
		}
	}
}

func TestCopyMoveDelete(t *testing.T) {
	f := connectFiles(t)
	f.put("tree/a/one", "1", "create")
	f.put("tree/two", "22", "create")
	f.put("file", "333", "create")
	f.asOwner(os.Symlink("two", f.at("tree/link")))
	f.asOwner(os.Lchown(f.at("tree/link"), sandboxUser, sandboxGroup))
	pair := func(from, to string, more ...string) fields {
		head := fields{"source": f.at(from), "destination": f.at(to)}
		for _, name := range more {
			head[name] = true
		}
		return head
	}
	for _, c := range []struct {
		method string
		head   fields
		code   string
	}{
		{"copy_file", pair("tree", "copy"), "is_a_directory"},
		{"copy_file", pair("tree", "copy", "recursive"), ""},
		{"copy_file", pair("tree", "copy", "recursive", "overwrite"), "is_a_directory"},
		{"copy_file", pair("tree", "tree/a/inside", "recursive"), "invalid_path"},
		{"copy_file", pair("file", "copy/two"), "already_exists"},
		{"copy_file", pair("file", "copy/two", "overwrite"), ""},
		{"copy_file", pair("nothing", "x"), "not_found"},
		{"copy_file", pair("file", "no/such/directory"), "not_found"},
		{"move_file", pair("copy", "copy/a/inside"), "invalid_path"},
		{"move_file", pair("copy/two", "file"), "already_exists"},
		{"move_file", pair("copy/two", "tree"), "is_a_directory"},
		{"move_file", pair("copy", "moved"), ""},
		{"move_file", pair("copy", "again"), "not_found"},
		{"move_file", fields{"source": workspace, "destination": f.at("x")}, "invalid_path"},
		{"delete_file", fields{"path": f.at("tree")}, "not_empty"},
		{"delete_file", fields{"path": f.at("tree"), "recursive": true}, ""},
		{"delete_file", fields{"path": f.at("tree"), "recursive": true}, "not_found"},
		{"delete_file", fields{"path": "/tmp/../workspace", "recursive": true}, "invalid_path"},
		{"delete_file", fields{"path": "/", "recursive": true}, "invalid_path"},
	} {
		if r := f.call(c.method, c.head, nil); r.code() != c.code {
			t.Errorf("%s %v: %v", c.method, c.head, r.head)
		}
	}
	for _, method := range []string{"copy_file", "move_file"} {
		r := f.call(method, pair("file", "no/such/name"), nil)
		told, _ := r.head["error"].(map[string]any)
		if message, want := told["message"], "there is no directory "+f.at("no/such"); message != want {
			t.Errorf("%s: %v, and not %s", method, message, want)
		}
	}
	if f.content("moved/two") != "333" || f.content("moved/a/one") != "1" || f.names() != "file moved" {
		t.Errorf("%s", f.names())
	}
	if target, _ := os.Readlink(f.at("moved/link")); target != "two" {
		t.Error("a link in the tree is not a link any more")
	}
}

func TestATreeDeeperThanAnyPathIsDeleted(t *testing.T) {
	f := connectFiles(t)
	r := f.call("run", command("sh", "-c", "mkdir deep; cd deep; i=0; while [ $i -lt 300 ]; do mkdir a-rather-long-name; cd -P a-rather-long-name || exit 1; echo x > file; i=$((i+1)); done").with("cwd", f.dir), nil)
	if r.head["exitCode"] != 0.0 || maxDeleteDepth >= 300 {
		t.Fatal(r.head, r.text(0))
	}
	if r := f.call("delete_file", fields{"path": f.at("deep"), "recursive": true}, nil); r.code() != "" || f.names() != "" {
		t.Fatal(r.head)
	}
}

func TestDirectories(t *testing.T) {
	f := connectFiles(t)
	for _, c := range []struct {
		path      string
		recursive bool
		code      string
		created   any
	}{
		{"a/b", false, "not_found", nil}, {"a/b", true, "", true}, {"a/b", true, "", false}, {"a/b", false, "already_exists", nil}, {"a/c", false, "", true},
	} {
		r := f.call("create_directory", fields{"path": f.at(c.path), "recursive": c.recursive}, nil)
		if r.code() != c.code || r.head["created"] != c.created {
			t.Errorf("%+v: %v", c, r.head)
		}
	}
	f.put("file", "", "create")
	if r := f.call("create_directory", fields{"path": f.at("file/x"), "recursive": true}, nil); r.code() != "not_a_directory" {
		t.Error(r.head)
	}
	r := f.call("stat_file", fields{"path": f.at("file")}, nil)
	if r.head["type"] != "file" || r.head["mode"] != "0644" || r.head["name"] != "file" || r.head["path"] != f.at("file") {
		t.Error(r.head)
	}
	if r := f.call("stat_file", fields{"path": "/"}, nil); r.head["type"] != "directory" {
		t.Error(r.head)
	}
}
