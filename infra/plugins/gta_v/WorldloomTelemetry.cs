// Telemetry of Grand Theft Auto V: the rendered camera of each frame, and its number as squares in the picture.
// Runs in ScriptHookVDotNet 3, in story mode only.
using System;
using GTA;
using GTA.Math;
using GTA.Native;

namespace Worldloom
{
    public sealed class GtaTelemetry : Script
    {
        const float CellWidth = 8f / 1280, CellHeight = 8f / 720; // shares of the screen: recording is at 1280x720

        // Forward, back, left, right, jump, interact.
        static readonly Control[] Controls =
        {
            Control.MoveUpOnly, Control.MoveDownOnly, Control.MoveLeftOnly, Control.MoveRightOnly, Control.Jump, Control.Context,
        };

        readonly TelemetryFile file;

        public GtaTelemetry()
        {
            file = new TelemetryFile("gta_v", "ScriptHookVDotNet", System.IO.Path.Combine("scripts", "worldloom.jsonl"));
            Interval = 0; // every frame
            Tick += OnTick;
            Aborted += delegate { file.Dispose(); };
        }

        void OnTick(object sender, EventArgs e)
        {
            var frame = file.Write(See());
            if (frame >= 0) Draw(TelemetryFile.Marker(frame));
        }

        static View See()
        {
            var rotation = Function.Call<Vector3>(Hash.GET_FINAL_RENDERED_CAM_ROT, 2); // order 2: yaw, pitch, roll
            var ped = Game.Player.Character;
            return new View
            {
                Position = Numbers(Function.Call<Vector3>(Hash.GET_FINAL_RENDERED_CAM_COORD)),
                Rotation = Numbers(rotation),
                FieldOfView = Function.Call<float>(Hash.GET_FINAL_RENDERED_CAM_FOV),
                State = State(),
                Player = ped != null && ped.Exists() ? Numbers(ped.Position) : null,
                Keys = Array.ConvertAll(Controls, control => Game.IsControlPressed(control) ? 1 : 0),
            };
        }

        static string State()
        {
            if (Game.IsLoading) return "loading";
            if (Game.IsPaused) return "menu"; // the pause menu
            if (Game.IsCutsceneActive) return "cutscene";
            return "play";
        }

        // DRAW_RECT takes the rectangle's middle and size in shares of the screen.
        static void Draw(bool[] cells)
        {
            for (var i = 0; i < cells.Length; i++)
            {
                var level = cells[i] ? 255 : 0;
                Function.Call(
                    Hash.DRAW_RECT, (i + 0.5f) * CellWidth, CellHeight / 2, CellWidth, CellHeight, level, level, level, 255, false);
            }
        }

        static double[] Numbers(Vector3 vector)
        {
            return new double[] { vector.X, vector.Y, vector.Z };
        }
    }
}
