// Stand-in for ScriptHookVDotNet 3, ours: as much of its API as the plugin uses, over a scripted world.
using System;

namespace GTA.Math
{
    public struct Vector3
    {
        public float X, Y, Z;
        public Vector3(float x, float y, float z) { X = x; Y = y; Z = z; }
    }
}

namespace GTA.Native
{
    using GTA.Math;

    public enum Hash : ulong { GET_FINAL_RENDERED_CAM_COORD, GET_FINAL_RENDERED_CAM_ROT, GET_FINAL_RENDERED_CAM_FOV, DRAW_RECT }

    public class InputArgument
    {
        public object Value;
        public static implicit operator InputArgument(int v) { return new InputArgument { Value = v }; }
        public static implicit operator InputArgument(float v) { return new InputArgument { Value = v }; }
        public static implicit operator InputArgument(bool v) { return new InputArgument { Value = v }; }
    }

    public static class Function
    {
        public static T Call<T>(Hash hash, params InputArgument[] arguments)
        {
            object found;
            switch (hash)
            {
                case Hash.GET_FINAL_RENDERED_CAM_COORD: found = new Vector3(World.X, World.Y, World.Z); break;
                case Hash.GET_FINAL_RENDERED_CAM_ROT:
                    if ((int)arguments[0].Value != 2) throw new Exception("another rotation order");
                    found = new Vector3(World.Pitch, World.Roll, World.Yaw);
                    break;
                case Hash.GET_FINAL_RENDERED_CAM_FOV: found = World.Fov; break;
                default: throw new Exception("no such native");
            }
            return (T)found;
        }

        public static void Call(Hash hash, params InputArgument[] a)
        {
            if (hash != Hash.DRAW_RECT) throw new Exception("no such native");
            World.Square((float)a[0].Value, (float)a[1].Value, (float)a[2].Value, (float)a[3].Value, (int)a[4].Value);
        }
    }
}

namespace GTA
{
    using GTA.Math;

    public enum Control { MoveUpOnly, MoveDownOnly, MoveLeftOnly, MoveRightOnly, Jump, Context }

    public class Ped
    {
        public Vector3 Position { get { return new Vector3(World.X, World.Y, World.Z - 1); } }
        public bool Exists() { return true; }
    }

    public class Player
    {
        public Ped Character { get { return World.State == "noplayer" ? null : new Ped(); } }
    }

    public static class Game
    {
        public static bool IsLoading { get { return World.State == "loading"; } }
        public static bool IsPaused { get { return World.State == "menu"; } }
        public static bool IsCutsceneActive { get { return World.State == "cutscene"; } }
        public static Player Player { get { return new Player(); } }
        public static bool IsControlPressed(Control control) { return control == Control.MoveUpOnly; }
    }

    public abstract class Script
    {
        public event EventHandler Tick;
        public event EventHandler Aborted;
        public int Interval { get; set; }
        public void RunTick() { if (Interval == 0) Tick(this, EventArgs.Empty); }
        public void RunAbort() { Aborted(this, EventArgs.Empty); }
    }
}

public static class Program
{
    public static void Main()
    {
        var script = new Worldloom.GtaTelemetry();
        World.Run(script.RunTick, script.RunAbort);
    }
}
