// Stand-in for ScriptHookRDR2DotNet 2, ours: as much of its API as the plugin uses, over a scripted world.
using System;

namespace RDR2.Math
{
    public struct Vector3
    {
        public float X, Y, Z;
        public Vector3(float x, float y, float z) { X = x; Y = y; Z = z; }
    }
}

namespace RDR2.Native
{
    using RDR2.Math;

    public static class CAM
    {
        public static Vector3 GET_GAMEPLAY_CAM_COORD() { return new Vector3(World.X, World.Y, World.Z); }
        public static Vector3 GET_GAMEPLAY_CAM_ROT(int order)
        {
            if (order != 2) throw new Exception("another rotation order");
            return new Vector3(World.Pitch, World.Roll, World.Yaw);
        }
        public static float GET_GAMEPLAY_CAM_FOV() { return World.Fov; }
        public static bool IS_GAMEPLAY_CAM_RENDERING() { return World.State != "cutscene"; }
        public static bool IS_SCREEN_FADED_OUT() { return World.State == "loading"; }
    }

    public static class HUD { public static bool IS_PAUSE_MENU_ACTIVE() { return World.State == "menu"; } }
    public static class PLAYER { public static int PLAYER_PED_ID() { return World.State == "noplayer" ? 0 : 7; } }

    public static class ENTITY
    {
        public static bool DOES_ENTITY_EXIST(int entity) { return entity != 0; }
        public static Vector3 GET_ENTITY_COORDS(int entity, bool alive, bool realCoords) { return new Vector3(World.X, World.Y, World.Z - 1); }
    }

    public static class GRAPHICS
    {
        public static void DRAW_RECT(float x, float y, float width, float height, int red, int green, int blue, int alpha, bool p8, bool p9)
        {
            World.Square(x, y, width, height, red);
        }
    }
}

namespace RDR2
{
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
        var script = new Worldloom.RdrTelemetry();
        World.Run(script.RunTick, script.RunAbort);
    }
}
