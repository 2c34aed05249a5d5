// Writes telemetry lines, protocol version 1, for the .NET hosts (C# 5, .NET Framework 4.8 or Mono).
// Nothing here may stop the game: what fails is skipped, and tried again later.
using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text;

namespace Worldloom
{
    /// <summary>What the plugin saw in one frame, in the game's own axes and units.</summary>
    public sealed class View
    {
        public double[] Position; // 3
        public double[] Rotation; // 3 angles in degrees
        public double FieldOfView; // degrees
        public string State; // play, paused, menu, cutscene, loading
        public double[] Player; // 3, or null
        public int[] Keys; // 6 of 0, 1, -1, or null
    }

    public sealed class TelemetryFile : IDisposable
    {
        public const int Protocol = 1;
        public const int Cells = 24; // of the marker
        const int Bits = 20;
        const int FramesBetweenTries = 300;

        readonly string title, host, path, session;
        readonly long maxBytes; // then the file is begun anew, so that a long session does not fill the disk
        FileStream file;
        long bytes, nextTry;
        int part;

        public TelemetryFile(string title, string host, string path, long maxBytes = 64L << 20)
        {
            this.title = title;
            this.host = host;
            this.path = path;
            this.maxBytes = maxBytes;
            session = DateTime.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture);
            Open();
        }

        /// <summary>Frames so far, whether or not they could be written.</summary>
        public long Frame { get; private set; }

        /// <summary>Write one frame; its number, or -1 if the view is not whole or the file cannot be written.</summary>
        public long Write(View view)
        {
            Frame++;
            if (!AllFinite(view.Position) || !AllFinite(view.Rotation) || !AllFinite(new[] { view.FieldOfView })) return -1;
            if (file == null && Frame >= nextTry) Open();
            if (file != null && bytes > maxBytes)
            {
                Dispose();
                part++;
                Open();
            }
            return file != null && Put(Line(view)) ? Frame : -1;
        }

        /// <summary>The marker's cells, true is white: white, black, the frame's bits from the lowest on, parity, its opposite.</summary>
        public static bool[] Marker(long frame)
        {
            var cells = new bool[Cells];
            var odd = false;
            cells[0] = true;
            for (var bit = 0; bit < Bits; bit++)
            {
                cells[2 + bit] = (frame >> bit & 1) == 1;
                odd ^= cells[2 + bit];
            }
            cells[Cells - 2] = odd;
            cells[Cells - 1] = !odd;
            return cells;
        }

        public void Dispose()
        {
            if (file == null) return;
            try { file.Dispose(); } catch (IOException) { }
            file = null;
        }

        string Line(View view)
        {
            var line = new StringBuilder(256);
            line.Append("{\"frame\":").Append(Frame.ToString(CultureInfo.InvariantCulture));
            line.Append(",\"clock\":").Append(Number(Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency));
            line.Append(",\"pos\":").Append(List(view.Position)).Append(",\"rot\":").Append(List(view.Rotation));
            line.Append(",\"fov\":").Append(Number(view.FieldOfView)).Append(",\"state\":\"").Append(view.State).Append('"');
            if (view.Player != null && AllFinite(view.Player)) line.Append(",\"player\":").Append(List(view.Player));
            if (view.Keys != null) line.Append(",\"keys\":[").Append(string.Join(",", view.Keys)).Append(']');
            return line.Append("}\n").ToString();
        }

        void Open()
        {
            try
            {
                file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
            }
            catch (Exception fault)
            {
                if (!(fault is IOException || fault is UnauthorizedAccessException)) throw;
                nextTry = Frame + FramesBetweenTries;
                return;
            }
            bytes = 0;
            Put(string.Format(CultureInfo.InvariantCulture,
                "{{\"worldloom\":{0},\"title\":\"{1}\",\"session\":\"{2}\",\"part\":{3},\"host\":\"{4}\"}}\n",
                Protocol, title, session, part, host));
        }

        bool Put(string line)
        {
            var data = Encoding.UTF8.GetBytes(line);
            try
            {
                file.Write(data, 0, data.Length);
                file.Flush();
            }
            catch (IOException) // a full disk
            {
                Dispose();
                nextTry = Frame + FramesBetweenTries;
                return false;
            }
            bytes += data.Length;
            return true;
        }

        static bool AllFinite(double[] values)
        {
            return values != null && Array.TrueForAll(values, value => !double.IsNaN(value) && !double.IsInfinity(value));
        }

        static string Number(double value)
        {
            return value.ToString("F6", CultureInfo.InvariantCulture);
        }

        static string List(double[] values)
        {
            return "[" + string.Join(",", Array.ConvertAll(values, Number)) + "]";
        }
    }
}
