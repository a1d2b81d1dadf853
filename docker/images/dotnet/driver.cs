// Keeps a C# interpreter for one context: docs/contexts.md says what it promises, and how its channel speaks. Cells are
// submissions of the compiler that the SDK has. The channel is descriptor 3, a socket that no child inherits.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Text;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Emit;
using Microsoft.Win32.SafeHandles;

namespace CodeBeaker
{
    /// <summary>What cells find besides what they declare.</summary>
    public static class Cell
    {
        internal static volatile bool IsInterrupted;
        internal static volatile Results Results;

        /// <summary>Stands in every loop of a cell: here an interrupt reaches it.</summary>
        public static void Guard()
        {
            if (IsInterrupted) throw new Interrupted();
        }

        /// <summary>Shows a value as the last expression of a cell is shown, or as what the MIME type says.</summary>
        public static void display(object value, string mime = null)
        {
            var isJson = mime == "application/json" || mime != null && mime.EndsWith("+json", StringComparison.Ordinal);
            var piece = mime == null || value == null ? null
                : isJson ? Text.Json(value, mime)
                : Text.Quote(value is byte[] bytes ? Convert.ToBase64String(bytes) : value.ToString() ?? "");
            Results?.Show(value, mime, piece);
        }
    }

    public sealed class Interrupted : Exception
    {
        public Interrupted() : base("the code was interrupted") { }
    }

    /// <summary>What a cell shows. All lines that tell of it take no more bytes than the cell has room for.</summary>
    sealed class Results
    {
        readonly object gate = new object();
        readonly long id;
        readonly Action<string> say;
        int room;
        bool isFull;

        internal Results(long id, int room, Action<string> say)
        {
            this.id = id;
            this.room = room;
            this.say = say;
        }

        internal void Show(object value, string mime, string piece)
        {
            var line = LineOf(value, mime, piece);
            if (line != "") say(line);
        }

        /// <summary>What does not fit is left out, and it says so; after a text that was cut, nothing fits.</summary>
        /// <param name="piece">The JSON of what the value is as the MIME type, if it is anything.</param>
        internal string LineOf(object value, string mime = null, string piece = null)
        {
            if (Volatile.Read(ref isFull)) return "";
            // Not locked: the cell's own code may wait for another thread that shows something.
            var shown = Text.Of(value);
            var text = Text.Quote(shown);
            lock (gate)
            {
                if (isFull) return "";
                var line = Line(text, piece == null ? "" : $",{Text.Quote(mime)}:{piece}", "");
                if (Encoding.UTF8.GetByteCount(line) > room)
                {
                    const string truncated = ",\"truncated\":true";
                    line = Line(text, "", truncated);
                    isFull = piece == null || line.Length > room;
                    var around = Line("", "", truncated).Length;
                    if (isFull) line = Line(Text.Beginning(shown, room - around), "", truncated);
                }
                room -= Encoding.UTF8.GetByteCount(line);
                return line;
            }
        }

        string Line(string text, string more, string truncated) =>
            $"{{\"id\":{id},\"result\":{{\"text/plain\":{text}{more}}}{truncated}}}\n";
    }

    static class Text
    {
        const int Most = 100, DeepestJson = 1_000;
        static readonly Encoding utf8 = new UTF8Encoding(false, true);

        /// <summary>The JSON of as much of a text as takes no more than so many bytes.</summary>
        internal static string Beginning(string text, int room)
        {
            int size = 2, end = 0;
            for (var step = 65_536; step > 0;)
            {
                var more = Encoding.UTF8.GetByteCount(Quote(text.Substring(end, Math.Min(step, text.Length - end)))) - 2;
                if (end + step <= text.Length && size + more <= room)
                {
                    size += more;
                    end += step;
                }
                else step /= 2;
            }
            // No half of a character.
            if (end > 0 && char.IsHighSurrogate(text[end - 1])) end--;
            return Quote(text.Substring(0, end));
        }

        internal static string Quote(string text) => JsonSerializer.Serialize(text);

        /// <summary>JSON text, as a string or UTF-8 bytes, on one line.</summary>
        internal static string Json(object value, string mime)
        {
            try
            {
                var text = value is byte[] bytes ? utf8.GetString(bytes) : value.ToString() ?? "";
                using (JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = DeepestJson })) { }
                return text.Replace('\r', ' ').Replace('\n', ' '); // no string of JSON has a bare one
            }
            catch (Exception wrong) when (wrong is JsonException || wrong is ArgumentException)
            {
                throw new ArgumentException($"What is displayed as {mime} is no valid JSON: {wrong.Message}");
            }
        }

        internal static string Of(object value, int depth = 0)
        {
            switch (value)
            {
                case null: return "null";
                case string text: return SymbolDisplay.FormatLiteral(text, true);
                case char character: return SymbolDisplay.FormatLiteral(character, true);
                case bool truth: return truth ? "true" : "false";
                case IFormattable number: return number.ToString(null, CultureInfo.InvariantCulture) ?? "";
                case DictionaryEntry entry: return $"[{Of(entry.Key, depth + 1)}] = {Of(entry.Value, depth + 1)}";
                case IEnumerable items when depth < 3:
                    var shown = items.Cast<object>().Take(Most + 1).Select(item => Of(item, depth + 1)).ToList();
                    if (shown.Count > Most) shown[Most] = "…";
                    return $"{{ {string.Join(", ", shown)} }}";
                default: return value.ToString() ?? "";
            }
        }
    }

    /// <summary>Puts a guard into every loop, on the line where it begins: lines stay what they were.</summary>
    sealed class Guards : CSharpSyntaxRewriter
    {
        static readonly StatementSyntax Guard = SyntaxFactory.ParseStatement("global::CodeBeaker.Cell.Guard();");

        static StatementSyntax Guarded(StatementSyntax body) => SyntaxFactory.Block(Guard, body);

        public override SyntaxNode VisitWhileStatement(WhileStatementSyntax node) =>
            base.VisitWhileStatement(node.WithStatement(Guarded(node.Statement)));

        public override SyntaxNode VisitDoStatement(DoStatementSyntax node) =>
            base.VisitDoStatement(node.WithStatement(Guarded(node.Statement)));

        public override SyntaxNode VisitForStatement(ForStatementSyntax node) =>
            base.VisitForStatement(node.WithStatement(Guarded(node.Statement)));

        public override SyntaxNode VisitForEachStatement(ForEachStatementSyntax node) =>
            base.VisitForEachStatement(node.WithStatement(Guarded(node.Statement)));

        public override SyntaxNode VisitForEachVariableStatement(ForEachVariableStatementSyntax node) =>
            base.VisitForEachVariableStatement(node.WithStatement(Guarded(node.Statement)));
    }

    sealed class CompilationError : Exception
    {
        internal readonly string Diagnostics;

        internal CompilationError(IReadOnlyList<Diagnostic> errors) : base(errors[0].GetMessage(CultureInfo.InvariantCulture)) =>
            Diagnostics = string.Join("\n", errors.Select(error => CSharpDiagnosticFormatter.Instance.Format(error, CultureInfo.InvariantCulture)));
    }

    /// <summary>Compiles cells, each of which sees those before it, and keeps what they have left.</summary>
    sealed class Interpreter
    {
        static readonly CSharpParseOptions Parsing =
            new CSharpParseOptions(LanguageVersion.Latest, DocumentationMode.None, SourceCodeKind.Script);
        static readonly string[] Usings =
        {
            "System", "System.Collections.Generic", "System.IO", "System.Linq", "System.Net.Http", "System.Text",
            "System.Threading", "System.Threading.Tasks", "CodeBeaker.Cell",
        };
        readonly AssemblyLoadContext assemblies = new AssemblyLoadContext("cells");
        readonly MetadataReference[] references;
        CSharpCompilation previous;
        // Where submissions find each other; the first place is not used.
        object[] submissions = new object[2];

        internal Interpreter(IEnumerable<string> libraries) =>
            references = libraries.Append(typeof(Cell).Assembly.Location)
                .Select(path => (MetadataReference)MetadataReference.CreateFromFile(path)).ToArray();

        internal Task<object> Start(string code, int number)
        {
            var tree = CSharpSyntaxTree.ParseText(code, Parsing, $"cell {number}", Encoding.UTF8);
            var guarded = tree.WithRootAndOptions(new Guards().Visit(tree.GetRoot()), Parsing);
            var compilation = Compilation(CSharpSyntaxTree.Create((CSharpSyntaxNode)guarded.GetRoot(), Parsing, tree.FilePath, Encoding.UTF8), number);
            using (var program = new MemoryStream())
            using (var symbols = new MemoryStream())
            {
                var format = new EmitOptions(debugInformationFormat: DebugInformationFormat.PortablePdb);
                var emitted = compilation.Emit(program, symbols, options: format);
                if (!emitted.Success)
                {
                    var errors = Errors(Compilation(tree, number).GetDiagnostics()) ?? Errors(emitted.Diagnostics);
                    if (errors != null) throw new CompilationError(errors);
                    previous = compilation; // Usings or comments alone, of which nothing can be made.
                    return Task.FromResult<object>(null);
                }
                program.Position = symbols.Position = 0;
                var entry = compilation.GetEntryPoint(default);
                var assembly = assemblies.LoadFromStream(program, symbols);
                var type = assembly.GetType(entry.ContainingType.MetadataName, true);
                var factory = type.GetMethod(entry.MetadataName, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic);
                var start = (Func<object[], Task<object>>)factory.CreateDelegate(typeof(Func<object[], Task<object>>));
                previous = compilation;
                Array.Resize(ref submissions, submissions.Length + 1);
                return start(submissions);
            }
        }

        /// <summary>Compiles, and forgets it: the compiler itself takes long when it is used first.</summary>
        internal void WarmUp() => Compilation(CSharpSyntaxTree.ParseText("0", Parsing), 0).Emit(Stream.Null);

        CSharpCompilation Compilation(SyntaxTree tree, int number) =>
            CSharpCompilation.CreateScriptCompilation($"cell-{number}", tree, references, new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary, scriptClassName: $"Cell{number}", usings: Usings, allowUnsafe: true,
                optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Annotations,
                assemblyIdentityComparer: DesktopAssemblyIdentityComparer.Default), previous);

        static List<Diagnostic> Errors(IEnumerable<Diagnostic> all)
        {
            var errors = all.Where(each => each.Severity == DiagnosticSeverity.Error).ToList();
            return errors.Count > 0 ? errors : null;
        }
    }

    /// <summary>What is told of an exception, whose members are the cell's own code, and may themselves fail.</summary>
    sealed class CellError
    {
        const int LongestPart = 100_000;
        readonly string name, message, traceback;

        internal CellError(Exception thrown)
        {
            name = thrown.GetType().Name;
            message = Told(() => thrown.Message, _ => "");
            traceback = Told(
                () => thrown is CompilationError failed ? failed.Diagnostics : WithoutDriver(thrown.ToString() ?? ""),
                failure => $"its description failed: {failure.GetType().Name}");
        }

        internal string ToJson() =>
            $"{{\"name\":{Part(name)},\"message\":{Part(message)},\"traceback\":{Part(traceback)}}}";

        static string Told(Func<string> tell, Func<Exception, string> otherwise)
        {
            try
            {
                return tell() ?? "";
            }
            catch (Exception failure)
            {
                return otherwise(failure);
            }
        }

        static string WithoutDriver(string text) => string.Join("\n", text.Split('\n').Where(line =>
            !line.Contains(" at CodeBeaker.") && !line.Contains("End of stack trace from previous")
            && !line.Contains("System.Runtime.CompilerServices.TaskAwaiter")
            && !line.Contains("ExceptionDispatchInfo")));

        static string Part(string part) =>
            Text.Quote(part.Length <= LongestPart ? part : part.Substring(0, LongestPart));
    }

    static class Driver
    {
        const int Channel = 3, CloseOnExec = 1, SetDescriptorFlags = 2;
        const string Library = "/usr/local/lib/csbuild/";
        static readonly object gate = new object();
        static readonly object speaking = new object();
        static readonly Stream words = Open(FileAccess.Write);
        static readonly Thread main = Thread.CurrentThread;
        static bool isRunning;
        static int count;

        [DllImport("libc")]
        static extern int fcntl(int descriptor, int command, int argument);

        static Stream Open(FileAccess access) => new FileStream(new SafeFileHandle((IntPtr)Channel, false), access, 1);

        static void Say(string lines)
        {
            var bytes = Encoding.UTF8.GetBytes(lines);
            lock (speaking)
            {
                words.Write(bytes, 0, bytes.Length);
                words.Flush();
            }
        }

        static int Main()
        {
            fcntl(Channel, SetDescriptorFlags, CloseOnExec);
            Console.CancelKeyPress += (_, signal) =>
            {
                signal.Cancel = true;
                lock (gate)
                {
                    if (!isRunning) return;
                    Cell.IsInterrupted = true;
                    main.Interrupt(); // where it sleeps or waits
                }
            };
            Say("{\"pong\":0,\"count\":0}\n");
            var compiler = Path.GetDirectoryName(File.ReadAllText(Library + "csc").Trim());
            AssemblyLoadContext.Default.Resolving += (context, name) =>
            {
                var path = Path.Combine(compiler, name.Name + ".dll");
                return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
            };
            Serve();
            return 0;
        }

        // The compiler is looked for when a method that names it is begun.
        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Serve()
        {
            var libraries = File.ReadLines(Library + "options.rsp").Where(line => line.StartsWith("-r:")).Select(line => line.Substring(3).Trim('"'));
            var interpreter = new Interpreter(libraries);
            interpreter.WarmUp();
            using (var lines = new StreamReader(Open(FileAccess.Read), new UTF8Encoding(false)))
            {
                for (string line; (line = lines.ReadLine()) != null;) Obey(interpreter, line.Split(new[] { ' ' }, 4));
            }
        }

        static void Obey(Interpreter interpreter, string[] words)
        {
            if (words.Length < 2 || !long.TryParse(words[1], out var id)) return;
            if (words[0] == "ping") Say($"{{\"pong\":{id},\"count\":{count}}}\n");
            if (words[0] != "execute" || words.Length < 4 || !int.TryParse(words[2], out var limit)) return;
            string code;
            try
            {
                code = JsonSerializer.Deserialize<string>(words[3]);
            }
            catch (JsonException)
            {
                return; // Half a line of a connection that broke.
            }
            Execute(interpreter, id, limit, code);
        }

        static void Execute(Interpreter interpreter, long id, int limit, string code)
        {
            var results = new Results(id, limit, Say);
            var last = "";
            CellError error = null;
            count++;
            Cell.Results = results;
            Cell.IsInterrupted = false;
            lock (gate) isRunning = true;
            try
            {
                Say($"{{\"started\":{id}}}\n");
                var value = interpreter.Start(code, count).GetAwaiter().GetResult();
                if (value != null) last = results.LineOf(value);
            }
            catch (Exception thrown)
            {
                var isBroken = Cell.IsInterrupted && thrown is ThreadInterruptedException;
                error = new CellError(isBroken ? new Interrupted() : thrown);
            }
            Settle();
            Cell.Results = null;
            Say($"{last}{{\"done\":{id},\"count\":{count},\"error\":{error?.ToJson() ?? "null"}}}\n");
        }

        /// <summary>From here on no interrupt reaches the cell.</summary>
        static void Settle()
        {
            for (;;)
            {
                try
                {
                    lock (gate) isRunning = false;
                    if (Cell.IsInterrupted) Thread.Sleep(1); // takes an interrupt that has met no wait
                    return;
                }
                catch (ThreadInterruptedException) { }
            }
        }
    }
}
