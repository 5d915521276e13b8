/** What every page of the desk does in the browser. Each module does one thing and needs no other page. */

import "./drafts";
import "./htmx";
import "./case";
import "./clocks";
import "./dialogs";
import "./help";
import "./keys";
import "./session";
import "./telephone";
import "./worklist";
import "./wrapup";
import { follow } from "./live";

const stream = document.body.dataset.live;
if (stream) follow(stream);
