"use strict";(()=>{var e=(()=>{try{return localStorage.getItem("theme")}catch{return null}})();e&&(document.documentElement.dataset.theme=e);})();
