// The scripted world behind both .NET stand-ins, ours: one line of standard input is one frame of the game.
// x y z pitch roll yaw fov state, where state is play, menu, cutscene, loading, or noplayer (play without a character).
using System;
using System.Globalization;

public static class World
{
    public static float X, Y, Z, Pitch, Roll, Yaw, Fov;
    public static string State = "loading";
    public static string Squares = "";

    // Drive `tick` until the input ends; print the colours of what each tick drew.
    public static void Run(Action tick, Action abort)
    {
        for (string line; (line = Console.ReadLine()) != null;)
        {
            var words = line.Split(' ');
            var numbers = Array.ConvertAll(words, word => { float v; float.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out v); return word == "nan" ? float.NaN : v; });
            X = numbers[0]; Y = numbers[1]; Z = numbers[2];
            Pitch = numbers[3]; Roll = numbers[4]; Yaw = numbers[5];
            Fov = numbers[6];
            State = words[7];
            Squares = "";
            tick();
            Console.WriteLine(Squares);
            Console.Out.Flush();
        }
        abort();
    }

    public static void Square(float x, float y, float width, float height, int level)
    {
        if (Math.Abs(y - height / 2) > 1e-6 || Math.Abs(x / width - 0.5f - Squares.Length) > 1e-2) throw new Exception("a square is out of place");
        Squares += level == 255 ? "1" : "0";
    }
}
